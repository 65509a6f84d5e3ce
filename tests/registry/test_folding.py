"""Folding: the ways to write a word meet, and other words do not."""

import re
from collections.abc import Mapping
from hashlib import blake2b

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.search.documents import VERSION
from registry.search.letters import fold
from registry.search.spelling import read_latin, skeleton
from registry.search.words import LONGEST, beginning, token, words

# --- What meets -----------------------------------------------------------------------------------

MEET = """
көше КӨШЕ коше көшеде көшесі көшесінде көшелер көшелердің көшеге көшенің
көше koshe köşe kóshe koshede koshesinde кошеде кошесинде
үй үйде үйдің үйіміз уй уйде uy uyde úıde üide
су суды судың суға su
жол жолда жолды жолдың жолы жолдан jol zhol joly
жарық жарык жарыққа жарықтың жарығы jaryq zharyk
қоқыс кокыс қоқысты қоқыстың qoqys kokys
мектеп мектебі мектепте мектептің mektep
аула ауласы ауласында ауладағы aula
аудан ауданда ауданның ауданнан ауданы ауданында
саябақ саябақта саябағы saiabaq
тұрғын тұрғындар тұрғындардың тургындар
шам шамдар шамды шамның sham s'am
жұмыс жумыс жұмысы jumys zhumys
даңғылы даңғыл даңғылында дангылы dangyly
балабақша балабақшада балабақшаға balabaqsha
Айгүл айгул Айгуль Aigul Aigül Айгүлдің
қазір казир қазир qazir
тіл тiл тил
һәм хәм хам
ёлка елка ЁЛКА yolka ёлку
улица улице улицы улиц улицей улицу ulitsa ulica ulitsy
вода воды воду воде водой voda vody vodu
подъезд подъезде подъезда podezd podyezd pod'ezd pod’ezd
район районе района районов rayon raion
фонарь фонари фонаря фонарей фонарём fonar fonari
мусор мусора мусору мусором musor
яма ямы яму ямах yama yamy
дорога дороги дорогу doroga dorogi
город города городе городом gorod goroda
отопление отопления отоплению otoplenie otopleniye
горячая горячей горячую goryachaya goryachuyu
новый новая нового новые novyy novyi novogo
щётка щетка щетки shchetka schetka
счастье счастья schastye
ночь ночью ночи noch
хорошо khorosho horosho xorosho
ждём ждем
работа работы работает работают rabota rabotaet
лифт лифта лифте лифты lift
автобус автобуса автобусы avtobus
Абай Абая Абаю Абаем Abay Abai Abaya
Сатпаев Сатпаева Сатпаеву Satpaev Satpayev Satpaeva
Жандосов Жандосова Джандосов Джандосова Zhandosova Dzhandosova
Желтоқсан Желтоксан Zheltoksan Jeltoqsan
Наурызбай Наурызбая Nauryzbay
Райымбек Райымбека Raiymbek Rayimbek
Достық Достык Dostyk Dostyq
Тимирязев Тимирязева Timiryazev Timiryazeva
Алексей Алексея Alexey Aleksey Alexei
Александр Александра Aleksandr Alexandr
Мария Марии Марию Mariya Maria
Юлия Юлии Yuliya Iuliia
Алматы Алматының Almaty Almati
10а 10А 10a
٣٤ 34 034
"""


@pytest.mark.parametrize("line", MEET.strip().splitlines())
def test_the_ways_to_write_a_word_are_one(line: str) -> None:
    tokens = {word: token(word) for word in line.split()}
    assert len(set(tokens.values())) == 1, tokens


UNSEEN: Mapping[str, str] = {
    "фона\u00adрь": "фонарь",  # a soft hyphen
    "\u202bфонарь\u202c": "фонарь",  # marks of direction
    "фо\u200dнарь": "фонарь",
    "ре\u0301ки": "реки",  # a stress
    "и\u0306од": "йод",  # two characters for one letter
    "е\u0308лка": "ёлка",
    "ＬＩＦＴ": "lift",
    "ﬁnal": "final",
}


@pytest.mark.parametrize(("written", "plain"), UNSEEN.items())
def test_what_is_not_seen_parts_no_word(written: str, plain: str) -> None:
    assert [word.token for word in words(written)] == [token(plain)]


# --- What does not --------------------------------------------------------------------------------

APART = """
дом дым том
көше кошка кошелек
вода водитель завод
газ глаз гараж
свет цвет совет
сад садовая сам
шум сум чум
жара шара
самал сам
аудан ауа ауыл
күн кунаев
құбыр кубок
мусор мусульманин
снег синий
лес лис лось
кран край
труба трубач
от отын
100 10 1000
10 10а 10б
"""


@pytest.mark.parametrize("line", APART.strip().splitlines())
def test_other_words_stay_other(line: str) -> None:
    found = line.split()
    tokens = {word: token(word) for word in found}
    assert len(set(tokens.values())) == len(found), tokens


# --- Unfinished words -----------------------------------------------------------------------------

UNFINISHED = """
фон фона фонар фонарь fon fonar
көш көше кош koshe
электр электричес
подъез podez
останов остановк
"""
FINISHED = "фонарь көшесінде электричество подъезд остановка".split()  # noqa: SIM905


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        (typed, word)
        for line, word in zip(UNFINISHED.strip().splitlines(), FINISHED, strict=True)
        for typed in line.split()
    ],
)
def test_a_word_is_known_by_its_beginning(typed: str, word: str) -> None:
    whole = token(word)
    assert whole == token(typed) or whole.startswith(beginning(typed))


# --- Latin spellings ------------------------------------------------------------------------------

_COMMON = dict(zip("абвгдезиклмнопрстуф", "abvgdeziklmnoprstuf", strict=True))
_SCHEMES: Mapping[str, Mapping[str, str]] = {
    "passport": {
        "ж": "zh", "й": "i", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ы": "y",
        "ь": "", "ъ": "", "э": "e", "ю": "iu", "я": "ia", "ё": "e",
    },
    "road signs": {
        "ж": "zh", "й": "y", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ы": "y",
        "ь": "", "ъ": "", "э": "e", "ю": "yu", "я": "ya", "ё": "yo",
    },
    "chat": {
        "ж": "j", "й": "i", "х": "h", "ц": "c", "ч": "ch", "ш": "sh", "щ": "sch", "ы": "y",
        "ь": "'", "ъ": "'", "э": "e", "ю": "yu", "я": "ya", "ё": "e",
    },
}  # fmt: skip
_WRITTEN = """
вода свет улица дом подъезд мусор дорога яма фонарь отопление горячая холодная лифт двор площадка
автобус остановка водитель маршрут школа больница поликлиника очередь справка документ квартира
соседи шум ночью собака снег лёд тротуар светофор переход знак парковка стоянка канализация труба
авария крыша подвал дерево ветка жалоба просьба помогите пожалуйста спасибо здравствуйте район
алматы абая сатпаева жандосова тимирязева розыбакиева гагарина жарокова момышулы саина
"""


@pytest.mark.parametrize("scheme", _SCHEMES)
def test_whatever_way_a_word_is_typed_in_latin_letters_it_is_that_word(scheme: str) -> None:
    letters = str.maketrans({**_COMMON, **_SCHEMES[scheme]})
    typed = {word: word.translate(letters) for word in _WRITTEN.split()}
    missed = {word: latin for word, latin in typed.items() if token(word) != token(latin)}
    assert not missed


def test_the_skeleton_of_what_is_read_from_latin_is_spelt_as_it_was_typed() -> None:
    for typed in ("fonar", "jol", "sham", "ulits", "podezd", "horosh", "schetk"):
        assert skeleton(read_latin(typed)) == typed


# --- Whatever is written --------------------------------------------------------------------------

LETTERS = st.text("абвгдеёжзийклмнопрстуфхцчшщъыьэюяәғқңөұүһіАБЯІ'’́̆ abcxyzşğýı0129-/.@")


@given(st.text() | LETTERS)
@example("İı")
@example("ℌ")
@example("ΐ")
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text() | LETTERS)
def test_a_token_is_of_plain_letters_and_digits_whatever_was_written(text: str) -> None:
    for word in words(text):
        assert text[word.start : word.end] == word.text
        for written in (word.token, beginning(word.text)):
            assert re.fullmatch(f"[a-z0-9]{{0,{LONGEST}}}", written)


def test_a_change_of_what_is_indexed_has_a_version_of_its_own() -> None:
    """Documents that were written before would not be found any more: raise VERSION as well."""
    tokens = " ".join(token(word) for word in f"{MEET} {APART} {_WRITTEN}".split())
    assert (VERSION, blake2b(tokens.encode(), digest_size=8).hexdigest()) == (2, "f8871c6184628cb2")
