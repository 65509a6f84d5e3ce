"""How long a text is to X, and what it costs as SMS."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from registry.measuring import URL_WEIGHT, Encoding, addresses, measure, segments
from registry.splitting import split_text

# --- X --------------------------------------------------------------------------------------------


def weight(text: str) -> int:
    return measure(text, "weighted")


@pytest.mark.parametrize(
    ("text", "weighs"),
    [
        ("", 0),
        ("Hello", 5),
        ("Абай даңғылы", 12),
        ("日本語", 6),
        ("한국어", 6),
        ("“Қала”…", 8),  # quotation marks weigh one, an ellipsis two
        ("cafe\u0301", 4),
        ("caf\u00e9", 4),
        ("и\u0306", 1),
    ],
)
def test_letters_weigh_one_or_two(text: str, weighs: int) -> None:
    assert weight(text) == weighs


@pytest.mark.parametrize(
    "emoji",
    [
        "😀", "❤️", "❤", "👍🏽", "👨‍👩‍👧‍👦", "👩🏽‍🔧", "🏳️‍🌈", "🙋🏽‍♀️", "🇰🇿", "1️⃣", "#️⃣", "*⃣",
        "©️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "☝🏿", "👁️‍🗨️",
    ],
)  # fmt: skip
def test_an_emoji_weighs_two_however_it_is_put_together(emoji: str) -> None:
    assert weight(emoji) == 2
    assert weight(f"қ{emoji}қ") == 4
    assert weight(emoji * 3) == 6
    assert weight(f"{emoji} {emoji}") == 5


def test_what_joins_emoji_weighs_like_any_character_elsewhere() -> None:
    assert weight("a\u200db") == 3
    assert weight("1") == 1
    assert weight("©") == 1
    assert weight("🇰") == 2


@pytest.mark.parametrize(
    "address",
    [
        "https://t.co/abcdefghij",
        "http://almaty.gov.kz",
        "https://egov.kz/cms/ru/services/5.09?lang=kk&x=%D0%B0#top",
        "https://алматы.қаз/өтініш",
        "almaty.gov.kz",
        "ALMATY.GOV.KZ/news/1",
        "open.almaty.kz/a_b-c",
        "https://example.kz/" + "x" * 500,
    ],
)
@pytest.mark.parametrize(
    ("before", "after"), [("", ""), ("Қараңыз: ", " бүгін"), ("(", ")"), ("«", "»."), ("", "\n")]
)
def test_an_address_weighs_the_same_whatever_its_length(
    address: str, before: str, after: str
) -> None:
    assert weight(before + address + after) == len(before) + URL_WEIGHT + len(after)


@pytest.mark.parametrize(
    "text", ["Бүгін.Ертең", "дом 5.кв 3", "пр.Абая", "14.30", "a@example.kz", "т.д.", "...", "//"]
)
def test_what_only_looks_like_an_address_is_none(text: str) -> None:
    assert list(addresses(text)) == []
    assert weight(text) == len(text)


def test_two_addresses_are_two() -> None:
    assert weight("https://egov.kz https://almaty.kz") == 2 * URL_WEIGHT + 1
    assert weight("egov.kz, almaty.kz") == 2 * URL_WEIGHT + 2


# --- Cutting for X --------------------------------------------------------------------------------

ADDRESSES = (
    "https://egov.kz/services/5.09?x=1", "almaty.gov.kz", "https://t.co/a", "HTTP://A.KZ/b.c",
    "open.kz/" + "long" * 20,
)  # fmt: skip
WORDS = (
    " ",
    "\n\n",
    ". ",
    "Қала",
    "слово",
    "日本",
    "👨‍👩‍👧‍👦",
    "🇰🇿",
    "и\u0306",
    "(",
    ")",
    "@",
    "x",
)
PIECES = st.sampled_from([*ADDRESSES, *WORDS, "a@b.kz"])
TEXTS = st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=100))


@given(TEXTS, st.integers(URL_WEIGHT, 90))
@example("x" * 30 + "@almaty.gov.kz" + "y" * 20, 31)
@example("x" * 30 + "@a.kz" + " я" * 20, 31)
@example("-" * 30 + ".a.kz" + " я" * 20, 31)
@example("a@" * 20 + "almaty.gov.kz", 25)
@example("abc" * 20 + ".kz " + "я" * 30, 40)
def test_parts_joined_are_the_text_and_none_weighs_more_than_x_takes(text: str, limit: int) -> None:
    parts = split_text(text, limit=limit, unit="weighted")
    assert "".join(parts) == text
    assert [part for part in parts if weight(part) > limit] == []


@given(TEXTS, st.integers(URL_WEIGHT, 90))
def test_no_address_is_cut_in_two(text: str, limit: int) -> None:
    ends, end = {0}, 0
    for part in split_text(text, limit=limit, unit="weighted"):
        end += len(part)
        ends.add(end)
    for begin, stop in addresses(text):
        assert not any(begin < cut < stop for cut in ends), text[begin:stop]


@given(TEXTS, TEXTS)
def test_a_text_weighs_no_more_than_its_lines(first: str, second: str) -> None:
    assert weight(f"{first}\n{second}") <= weight(first) + weight(second) + 1


@given(st.text(alphabet="абвгәіңғүұқөһ ,.!?-ABCxyz0123", max_size=300))
def test_a_text_of_one_weight_weighs_its_length_after_composing(text: str) -> None:
    if not list(addresses(text)):
        assert weight(text) == len(unicodedata.normalize("NFC", text))


# --- SMS ------------------------------------------------------------------------------------------

GSM_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = "\f^{}\\[~]|€"


def test_the_alphabet_is_that_of_the_standard() -> None:
    assert (len(GSM_BASIC), len(GSM_EXTENDED)) == (127, 10)  # the escape is no letter
    every = [chr(code) for code in range(0x3000)]
    encoded = {char for char in every if segments(char).encoding == "gsm7"}
    assert encoded == set(GSM_BASIC + GSM_EXTENDED)
    assert {char for char in encoded if segments(char).units == 2} == set(GSM_EXTENDED)


@pytest.mark.parametrize(
    ("text", "encoding", "count", "left"),
    [
        ("", "gsm7", 0, 160),
        ("a" * 160, "gsm7", 1, 0),
        ("a" * 161, "gsm7", 2, 2 * 153 - 161),
        ("a" * 306, "gsm7", 2, 0),
        ("a" * 307, "gsm7", 3, 152),
        ("€" * 80, "gsm7", 1, 0),
        ("€" * 81, "gsm7", 2, 153 - 10),  # 76 pairs fill 152 of 153; the last one stays free
        ("a" * 152 + "€" + "b" * 7, "gsm7", 2, 153 - 9),  # the pair is not cut: 152, then 9
        ("ә" * 70, "ucs2", 1, 0),
        ("ә" * 71, "ucs2", 2, 63),
        ("ә" * 134, "ucs2", 2, 0),
        ("ә" * 135, "ucs2", 3, 66),
        ("👋" * 35, "ucs2", 1, 0),
        ("👋" * 36, "ucs2", 2, 67 - 6),  # 33 in the first: a pair of 66 and 67 would be cut
        ("ә" * 66 + "👋" * 3, "ucs2", 2, 67 - 6),
        ("a" * 159 + "ә", "ucs2", 3, 41),
    ],
)
def test_segments_are_counted_as_they_are_paid_for(
    text: str, encoding: Encoding, count: int, left: int
) -> None:
    found = segments(text)
    assert (found.encoding, found.count, found.left) == (encoding, count, left)


def packed(text: str) -> int:
    """How many segments a text takes, packed one character after the other."""
    gsm = all(char in GSM_BASIC + GSM_EXTENDED for char in text)
    single, each = (160, 153) if gsm else (70, 67)
    sizes = [
        1 + (char in GSM_EXTENDED) if gsm else len(char.encode("utf-16-le")) // 2 for char in text
    ]
    if sum(sizes) <= single:
        return int(bool(text))
    segments_made = [0]
    for size in sizes:
        if segments_made[-1] + size > each:
            segments_made.append(0)
        segments_made[-1] += size
    return len(segments_made)


@given(st.text(alphabet="aZ €{ә👋\n", min_size=50, max_size=400))
def test_segments_are_those_of_packing_one_character_after_another(text: str) -> None:
    found = segments(text)
    assert found.count == packed(text)
    assert 0 <= found.left < (160 if found.encoding == "gsm7" else 70)
    more = segments(text + ("a" if found.encoding == "gsm7" else "ә") * found.left)
    assert more.count == found.count, "what is left fits"
