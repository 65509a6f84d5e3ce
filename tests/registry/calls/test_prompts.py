"""What callers hear: words or files, and never the old words, nor silence."""

import ast
from pathlib import Path

import pytest
from sqlmodel import select

import registry.calls
from registry.calls.prompt_changes import (
    RecordingGiven,
    change_words,
    get_prompt,
    list_prompts,
    remove_sound,
    restore,
    store_sound,
)
from registry.calls.prompt_words import (
    ANNOUNCEMENT,
    LANGUAGES,
    MUSIC,
    NO_LANGUAGE,
    prompt_groups,
    prompt_words,
)
from registry.calls.prompts import Prompts, load_prompts, open_prompts, spoken
from registry.calls.script import Ask, HangUp, Line, Pause, Play, Say, Verb
from registry.calls.waiting import ESTIMATES, POSITIONS
from registry.db import Database
from registry.errors import BadValue, NotFound
from registry.models import JournalEntry
from registry.office import change_setting
from registry.office_shapes import Announcement
from tests.registry.samples import START

ADMIN = "operator:1"
HUB = "https://hub.example.kz"


class Telephone:
    """The lines of a database, and who changes them."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def hears(self, prompt: str, language: str) -> Verb:
        """How one line sounds."""
        (verb,) = spoken((Line(prompt, language),), prompts=await self.now())
        return verb

    async def now(self) -> Prompts:
        """As whoever reads anew knows them."""
        async with self.database.read() as session:
            return await load_prompts(session, public_url=HUB)

    async def reword(self, name: str, language: str, text: str) -> str | None:
        """Change a line's words."""
        async with self.database.write() as session:
            return await change_words(session, name, language, text, actor=ADMIN, now=START)

    async def bring(self, name: str, language: str, version: str = "v1") -> str | None:
        """Upload a file for a line."""
        given = RecordingGiven(path=f"ab/{version}", mime="audio/wav", version=version)
        async with self.database.write() as session:
            return await store_sound(session, name, language, given, actor=ADMIN, now=START)

    async def announce(self, **texts: str) -> None:
        """Set the announcement."""
        value = Announcement(on=True, until=None, texts=texts)  # type: ignore[arg-type]
        async with self.database.write() as session:
            await change_setting(session, value, actor=ADMIN, now=START)


@pytest.fixture
async def telephone(database: Database) -> Telephone:
    return Telephone(database)


# --- As delivered ---------------------------------------------------------------------------------


def test_every_line_has_words_in_all_languages_that_are_not_each_others() -> None:
    for line in prompt_words().values():
        said = line.said()
        assert set(said) == set(LANGUAGES)
        assert len(set(said.values())) == 3, line.name
        assert all(text == " ".join(text.split()) and text[-1] in ".!?" for text in said.values())
    assert len(prompt_words()) == sum(len(group.lines) for group in prompt_groups())


def test_every_line_that_the_switchboard_names_has_words() -> None:
    known = {*prompt_words(), ANNOUNCEMENT, MUSIC}
    named = {
        argument.value
        for path in Path(registry.calls.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and _called(node.func) in _SAYING
        for argument in node.args[_SAYING[_called(node.func)] :]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }
    assert len(named) > 15
    assert named <= known


def test_every_place_and_every_time_to_wait_has_words() -> None:
    told = {f"position_{place}" for place in (*range(1, POSITIONS + 1), "many")}
    told |= {f"estimate_{minutes}" for minutes in (*ESTIMATES, "more")}
    assert told == {name for name in prompt_words() if name.startswith(("position_", "estimate_"))}


_SAYING = {"Line": 0, "saying": 0, "part": 0, "ask": 1, "line": 0}
"""What says lines, and from which argument on they are named."""


def _called(node: ast.expr) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


async def test_the_providers_voice_speaks_russian_and_english_and_files_speak_kazakh(
    telephone: Telephone,
) -> None:
    words = prompt_words()["goodbye"]
    assert await telephone.hears("goodbye", "ru") == Say(words.ru, "ru")
    assert await telephone.hears("goodbye", "en") == Say(words.en, "en")
    kazakh = await telephone.hears("goodbye", "kk")
    assert isinstance(kazakh, Play)
    assert kazakh.address.startswith(f"{HUB}/prompts/goodbye.kk.")
    assert kazakh.address.endswith(".mp3")


async def test_the_music_is_the_same_in_every_language(telephone: Telephone) -> None:
    heard = {await telephone.hears(MUSIC, language) for language in LANGUAGES}
    (one,) = heard
    assert isinstance(one, Play)
    assert "/prompts/music.any." in one.address


async def test_lines_are_spoken_within_a_question_and_everything_else_stays(
    telephone: Telephone,
) -> None:
    ask = Ask(step="language", sounds=(Line("language", "ru"), Pause(1)), seconds=7)
    script = spoken((ask, HangUp()), prompts=await telephone.now())
    said = Say(prompt_words()["language"].ru, "ru")
    assert script == (Ask(step="language", sounds=(said, Pause(1)), seconds=7), HangUp())


async def test_what_nobody_has_written_is_left_out(telephone: Telephone) -> None:
    now = await telephone.now()
    assert spoken((Line(ANNOUNCEMENT, "kk"), HangUp()), prompts=now) == (HangUp(),)
    assert spoken((Line("no_such_line", "ru"), HangUp()), prompts=now) == (HangUp(),)


# --- Changed words --------------------------------------------------------------------------------


async def test_changed_words_are_spoken(telephone: Telephone) -> None:
    await telephone.reword("goodbye", "ru", "  До скорого\n свидания! ")
    assert await telephone.hears("goodbye", "ru") == Say("До скорого свидания!", "ru")


async def test_a_kazakh_line_that_says_something_else_by_now_is_heard_in_russian(
    telephone: Telephone,
) -> None:
    await telephone.reword("goodbye", "kk", "Сау болыңыз, көріскенше!")
    assert await telephone.hears("goodbye", "kk") == Say(prompt_words()["goodbye"].ru, "ru")
    async with telephone.database.read() as session:
        shown = await get_prompt(session, "goodbye", "kk")
    assert (shown.needs_sound, shown.sound) == (True, None)


async def test_the_delivered_sound_is_back_with_the_delivered_words(telephone: Telephone) -> None:
    before = await telephone.hears("goodbye", "kk")
    await telephone.reword("goodbye", "kk", "Сау болыңыз, көріскенше!")
    await telephone.reword("goodbye", "kk", prompt_words()["goodbye"].kk)
    assert await telephone.hears("goodbye", "kk") == before


async def test_words_that_are_left_open_are_filled_in(telephone: Telephone) -> None:
    await telephone.reword("goodbye", "ru", "До свидания, {name}!")
    now = await telephone.now()
    line = Line("goodbye", "ru", {"name": "Айгүл"})
    assert spoken((line,), prompts=now) == (Say("До свидания, Айгүл!", "ru"),)


async def test_what_changes_nothing_writes_nothing(telephone: Telephone) -> None:
    before = (await telephone.now()).revision
    await telephone.reword("goodbye", "ru", prompt_words()["goodbye"].ru)
    assert (await telephone.now()).revision == before


# --- Uploaded files -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_uploaded_file_stands_before_voices_and_delivered_files(
    telephone: Telephone, language: str
) -> None:
    assert await telephone.bring("goodbye", language) is None
    heard = await telephone.hears("goodbye", language)
    assert heard == Play(f"{HUB}/prompts/goodbye.{language}.v1.wav")


async def test_a_replaced_file_is_named_to_be_deleted(telephone: Telephone) -> None:
    await telephone.bring("goodbye", "kk", "v1")
    assert await telephone.bring("goodbye", "kk", "v2") == "ab/v1"


async def test_changed_words_are_not_spoken_by_the_file_of_the_old_ones(
    telephone: Telephone,
) -> None:
    await telephone.bring("goodbye", "ru")
    assert await telephone.reword("goodbye", "ru", "До встречи!") == "ab/v1"
    assert await telephone.hears("goodbye", "ru") == Say("До встречи!", "ru")


async def test_a_removed_file_leaves_the_words(telephone: Telephone) -> None:
    await telephone.reword("goodbye", "ru", "До встречи!")
    await telephone.bring("goodbye", "ru")
    async with telephone.database.write() as session:
        gone = await remove_sound(session, "goodbye", "ru", actor=ADMIN, now=START)
    assert gone == "ab/v1"
    assert await telephone.hears("goodbye", "ru") == Say("До встречи!", "ru")


async def test_a_restored_line_is_as_it_was_delivered(telephone: Telephone) -> None:
    before = await telephone.hears("goodbye", "kk")
    await telephone.reword("goodbye", "kk", "Сау болыңыз, көріскенше!")
    await telephone.bring("goodbye", "kk")
    async with telephone.database.write() as session:
        assert await restore(session, "goodbye", "kk", actor=ADMIN, now=START) == "ab/v1"
    assert await telephone.hears("goodbye", "kk") == before


async def test_the_citys_own_music_is_played(telephone: Telephone) -> None:
    await telephone.bring(MUSIC, NO_LANGUAGE)
    assert await telephone.hears(MUSIC, "ru") == Play(f"{HUB}/prompts/music.any.v1.wav")


@pytest.mark.parametrize(
    ("name", "language"),
    [("no_such_line", "kk"), ("goodbye", "de"), ("goodbye", NO_LANGUAGE), (MUSIC, "kk")],
)
async def test_only_lines_that_there_are_can_be_changed(
    telephone: Telephone, name: str, language: str
) -> None:
    with pytest.raises(NotFound):
        await telephone.bring(name, language)
    with pytest.raises(NotFound):
        await telephone.reword(name, language, "Да")
    async with telephone.database.write() as session:
        with pytest.raises(NotFound):
            await restore(session, name, language, actor=ADMIN, now=START)


async def test_a_line_cannot_be_emptied_nor_the_music_given_words(telephone: Telephone) -> None:
    with pytest.raises(BadValue):
        await telephone.reword("goodbye", "ru", "  \n")
    with pytest.raises(BadValue):
        await telephone.reword(MUSIC, NO_LANGUAGE, "Ля-ля-ля")


# --- The announcement -----------------------------------------------------------------------------


async def test_the_announcement_is_the_offices_setting(telephone: Telephone) -> None:
    await telephone.announce(ru="Нет воды на Абая.", kk="Абай көшесінде су жоқ.")
    assert await telephone.hears(ANNOUNCEMENT, "ru") == Say("Нет воды на Абая.", "ru")
    assert await telephone.hears(ANNOUNCEMENT, "kk") == Say("Нет воды на Абая.", "ru")
    assert await telephone.hears(ANNOUNCEMENT, "en") == Say("Нет воды на Абая.", "ru")


async def test_the_announcements_file_is_played_as_long_as_it_says_its_words(
    telephone: Telephone,
) -> None:
    with pytest.raises(BadValue):
        await telephone.bring(ANNOUNCEMENT, "kk")
    await telephone.announce(kk="Абай көшесінде су жоқ.", ru="Нет воды на Абая.")
    await telephone.bring(ANNOUNCEMENT, "kk")
    file = Play(f"{HUB}/prompts/announcement.kk.v1.wav")
    assert await telephone.hears(ANNOUNCEMENT, "kk") == file
    await telephone.announce(kk="Су берілді.", ru="Вода есть.")
    assert await telephone.hears(ANNOUNCEMENT, "kk") == Say("Вода есть.", "ru")
    await telephone.announce(kk="Абай көшесінде су жоқ.", ru="Нет воды на Абая.")
    assert await telephone.hears(ANNOUNCEMENT, "kk") == file


# --- Lists, journal, revisions --------------------------------------------------------------------


async def test_the_list_shows_every_line_as_it_is_heard(telephone: Telephone) -> None:
    await telephone.reword("goodbye", "kk", "Сау болыңыз, көріскенше!")
    await telephone.bring("error", "en")
    async with telephone.database.read() as session:
        shown = await list_prompts(session)
    lines = {line.name: line for section in shown.items for line in section.lines}
    assert list(lines) == list(prompt_words())
    missing = {
        (name, code)
        for name, line in lines.items()
        for code, one in line.languages.items()
        if one.needs_sound
    }
    assert missing == {("goodbye", "kk")}
    assert lines["goodbye"].languages["kk"].changed_by == ADMIN
    assert lines["error"].languages["en"].uploaded
    assert lines["error"].languages["en"].sound == "/prompts/error.en.v1.wav"
    assert lines["welcome"].languages["ru"].changed_at is None
    assert (shown.music.sound or "").startswith("/prompts/music.any.")
    assert shown.announcement.languages["kk"].text == ""
    assert not shown.announcement.languages["kk"].needs_sound


async def test_every_change_is_journaled(telephone: Telephone) -> None:
    await telephone.reword("goodbye", "ru", "До встречи!")
    await telephone.bring("goodbye", "ru")
    async with telephone.database.write() as session:
        await remove_sound(session, "goodbye", "ru", actor=ADMIN, now=START)
        await restore(session, "goodbye", "ru", actor=ADMIN, now=START)
    async with telephone.database.read() as session:
        chosen = select(JournalEntry).where(JournalEntry.actor == ADMIN)
        entries = {entry.event: entry.data for entry in await session.exec(chosen)}
    about = {"prompt": "goodbye", "language": "ru"}
    assert entries == {
        "prompt.changed": {
            **about,
            "from": prompt_words()["goodbye"].ru,
            "to": "До встречи!",
            "sound_dropped": False,
        },
        "prompt.sound_stored": {**about, "version": "v1"},
        "prompt.sound_removed": {**about, "version": "v1"},
        "prompt.restored": {**about, "from": "До встречи!", "sound_dropped": False},
    }


async def test_a_process_learns_what_another_one_changed(telephone: Telephone) -> None:
    current = await open_prompts(telephone.database, public_url=HUB)
    assert not await current.refresh(telephone.database)
    await telephone.reword("goodbye", "ru", "До встречи!")
    line = (Line("goodbye", "ru"),)
    assert spoken(line, prompts=current.prompts) == (Say(prompt_words()["goodbye"].ru, "ru"),)
    assert await current.refresh(telephone.database)
    assert spoken(line, prompts=current.prompts) == (Say("До встречи!", "ru"),)
    await telephone.announce(ru="Нет воды.")
    assert await current.refresh(telephone.database)
