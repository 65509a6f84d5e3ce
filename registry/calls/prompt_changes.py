"""What an administrator changes about the telephone's lines, and how all of them stand.

Every change is journaled old beside new and gives the office a new revision, by which every process
learns of it (see `CurrentPrompts`). The caller commits; a file that was replaced is left to the
caller to delete after that.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.prompt_words import (
    ANNOUNCEMENT,
    LANGUAGES,
    MUSIC,
    NO_LANGUAGE,
    prompt_groups,
    prompt_words,
)
from registry.calls.prompts import VOICED, Key, Prompts, address_of, load_prompts
from registry.calls.tables import Prompt
from registry.errors import BadValue, NotFound
from registry.journal import record
from registry.office import hold_office, office_changed
from registry.office_shapes import Names

MAX_SECONDS = 60
"""Of a line."""
MAX_MUSIC_SECONDS = 300
MAX_BYTES = 8 * 1024 * 1024
"""Of an uploaded file: a minute of WAV in both ears at most, minutes of MP3."""


class PromptShown(Struct, frozen=True, kw_only=True):
    """A line in one language, as it is heard."""

    text: str
    sound: str | None
    """The address of the file that says it; where it is a delivered one and the provider has a
    voice, the voice speaks all the same."""
    uploaded: bool
    """The file is one that somebody brought."""
    needs_sound: bool
    """The provider has no voice for the language, and no file says these words: callers hear the
    line in another language."""
    changed_at: datetime | None
    """None for a line as it was delivered."""
    changed_by: str | None


class PromptLine(Struct, frozen=True, kw_only=True):
    """A line."""

    name: str
    about: Names | None
    """When it is heard; None for the announcement and the music, which are no lines of the list."""
    languages: Mapping[str, PromptShown]


class PromptSection(Struct, frozen=True, kw_only=True):
    """Lines that are heard about one thing."""

    name: Names
    lines: list[PromptLine]


class PromptList(Struct, frozen=True, kw_only=True):
    """Everything that the telephone says."""

    items: list[PromptSection]
    announcement: PromptLine
    """Its words are the setting `announcement`."""
    music: PromptShown


class RecordingGiven(Struct, frozen=True, kw_only=True):
    """A file that was brought, and lies in the media store by now."""

    path: str
    mime: str
    version: str
    """Tells it from others, in an address."""


async def list_prompts(session: AsyncSession) -> PromptList:
    """Every line as it is heard, in the order of the delivered words."""
    prompts = await load_prompts(session, public_url="")
    rows = {(row.name, row.language): row for row in await session.exec(select(Prompt))}

    def line(name: str, about: Names | None) -> PromptLine:
        shown = {code: _shown(prompts, rows, (name, code)) for code in LANGUAGES}
        return PromptLine(name=name, about=about, languages=shown)

    return PromptList(
        items=[
            PromptSection(name=group.name, lines=[line(one.name, one.about) for one in group.lines])
            for group in prompt_groups()
        ],
        announcement=line(ANNOUNCEMENT, None),
        music=_shown(prompts, rows, (MUSIC, NO_LANGUAGE)),
    )


async def get_prompt(session: AsyncSession, name: str, language: str) -> PromptShown:
    """One line in one language. Raises: NotFound."""
    prompts = await load_prompts(session, public_url="")
    key = _known(name, language)
    row = await session.get(Prompt, key)
    return _shown(prompts, {} if row is None else {key: row}, key)


def _shown(prompts: Prompts, rows: Mapping[Key, Prompt], key: Key) -> PromptShown:
    name, language = key
    row, recording = rows.get(key), prompts.recording(name, language)
    text = prompts.texts[key]
    return PromptShown(
        text=text,
        sound=None if recording is None else address_of(name, language, recording),
        uploaded=recording is not None and recording.path is not None,
        needs_sound=bool(text) and language not in VOICED and recording is None,
        changed_at=None if row is None else row.changed_at,
        changed_by=None if row is None else row.changed_by,
    )


# --- Changes --------------------------------------------------------------------------------------


async def change_words(
    session: AsyncSession, name: str, language: str, text: str, *, actor: str, now: datetime
) -> str | None:
    """Let a line say this; where its file lies that said something else and is to be deleted.

    What changes nothing writes nothing. Raises: NotFound, BadValue.
    """
    key = _known(name, language)
    if name not in prompt_words():
        raise BadValue("text", "These words are not changed here.")
    text = " ".join(text.split())
    if not text:
        raise BadValue("text", "A line says something; restore the delivered words instead.")
    await hold_office(session, now=now)
    before = (await load_prompts(session, public_url="")).texts[key]
    if text == before:
        return None
    row = await _row(session, key, actor=actor, now=now)
    gone = row.path
    row.text, row.path, row.mime, row.version = text, None, None, ""
    data = {"from": before, "to": text, "sound_dropped": gone is not None}
    await _changed(session, "prompt.changed", key, data, actor=actor, now=now)
    return gone


async def store_sound(
    session: AsyncSession,
    name: str,
    language: str,
    given: RecordingGiven,
    *,
    actor: str,
    now: datetime,
) -> str | None:
    """Let a file say a line's present words; where the file lies that it replaces.

    Raises: NotFound, BadValue.
    """
    key = _known(name, language)
    await hold_office(session, now=now)
    text = (await load_prompts(session, public_url="")).texts[key]
    if name == ANNOUNCEMENT and not text:
        raise BadValue("file", "Write the announcement in this language first, then its sound.")
    row = await _row(session, key, actor=actor, now=now)
    gone = row.path
    row.text, row.path, row.mime, row.version = text, given.path, given.mime, given.version
    data = {"version": given.version}
    await _changed(session, "prompt.sound_stored", key, data, actor=actor, now=now)
    return gone


async def remove_sound(
    session: AsyncSession, name: str, language: str, *, actor: str, now: datetime
) -> str | None:
    """Let a line's words be spoken without an uploaded file; where that lies. Raises: NotFound."""
    key = _known(name, language)
    row = await _held(session, key, now=now)
    if row.path is None:
        raise NotFound("sound of the line", f"{name} in {language}")
    gone, data = row.path, {"version": row.version}
    row.path, row.mime, row.version = None, None, ""
    row.changed_at, row.changed_by = now, actor
    await _changed(session, "prompt.sound_removed", key, data, actor=actor, now=now)
    return gone


async def restore(
    session: AsyncSession, name: str, language: str, *, actor: str, now: datetime
) -> str | None:
    """Let a line be as it was delivered; where the file of the changed one lies.

    Raises: NotFound, of a line that nobody has changed as well.
    """
    key = _known(name, language)
    row = await _held(session, key, now=now)
    await session.delete(row)
    data = {"from": row.text, "sound_dropped": row.path is not None}
    await _changed(session, "prompt.restored", key, data, actor=actor, now=now)
    return row.path


def _known(name: str, language: str) -> Key:
    """The key of a line that there is. Raises: NotFound."""
    if name == MUSIC:
        known = language == NO_LANGUAGE
    else:
        known = language in LANGUAGES and (name == ANNOUNCEMENT or name in prompt_words())
    if not known:
        raise NotFound("line", f"{name} in {language}")
    return name, language


async def _held(session: AsyncSession, key: Key, *, now: datetime) -> Prompt:
    """The row of a line that somebody has changed. Raises: NotFound."""
    await hold_office(session, now=now)
    row = await session.get(Prompt, key, populate_existing=True)
    if row is None:
        raise NotFound("changed line", f"{key[0]} in {key[1]}")
    return row


async def _row(session: AsyncSession, key: Key, *, actor: str, now: datetime) -> Prompt:
    """The row of a line that is being changed, made if need be."""
    row = await session.get(Prompt, key, populate_existing=True)
    if row is None:
        row = Prompt(name=key[0], language=key[1], changed_at=now)
        session.add(row)
    row.changed_at, row.changed_by = now, actor
    return row


async def _changed(
    session: AsyncSession,
    event: str,
    key: Key,
    data: Mapping[str, object],
    *,
    actor: str,
    now: datetime,
) -> None:
    about = {"prompt": key[0], "language": key[1]}
    record(session, event, actor=actor, now=now, data={**about, **data})
    await office_changed(session, cause=None, now=now)
