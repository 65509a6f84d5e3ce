"""How a line is heard: words for the provider's voice, or a file; and what is so now, kept at hand.

A file that somebody uploaded for a line's words stands first; then the provider's voice, where it
has one for the language; then a delivered file, as long as the line still has the words that it was
made from. A caller is never left in silence: what cannot be heard in their language is heard in the
next of `_INSTEAD`.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

import structlog
from msgspec import Struct
from msgspec.structs import replace
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.delivered_sounds import MIME, digest, file_name, manifest
from registry.calls.prompt_words import ANNOUNCEMENT, LANGUAGES, MUSIC, NO_LANGUAGE, prompt_words
from registry.calls.script import Ask, Line, Music, Play, Say, Script, Sound, Verb
from registry.calls.sound_length import TYPES
from registry.calls.tables import Prompt
from registry.db import Database
from registry.office import get_setting, revision
from registry.office_shapes import Announcement

log = structlog.get_logger(__name__)

VOICED = frozenset({"ru", "en"})
"""Languages that the provider has a voice for."""

_INSTEAD = ("ru", "en", "kk")
"""In which languages a line is heard that cannot be heard in its own."""

PATH = "/prompts"
"""Where sounds are served, below the hub's public address."""

Key = tuple[str, str]
"""A line's name and its language."""


class Recording(Struct, frozen=True, kw_only=True):
    """A file that says a line."""

    version: str
    mime: str
    path: str | None
    """In the media store; None for a delivered one."""


class Prompts(Struct, frozen=True, kw_only=True):
    """What every line says, of one revision of the office."""

    revision: str
    public_url: str
    texts: Mapping[Key, str]
    recordings: Mapping[Key, Recording]
    """Only those that say what their lines say."""

    def recording(self, name: str, language: str) -> Recording | None:
        """The file that says a line in a language, if one does."""
        return self.recordings.get((name, NO_LANGUAGE if name == MUSIC else language))

    def address(self, name: str, language: str, recording: Recording) -> str:
        """Where a file can be had by everybody."""
        return f"{self.public_url}{address_of(name, language, recording)}"

    def heard(self, line: Line) -> Say | Play | None:
        """How the line sounds; None where nobody has written it in any language."""
        languages = (line.language, *_INSTEAD)
        found = (self._in(language, line) for language in languages)
        return next((one for one in found if one is not None), None)

    def _in(self, language: str, line: Line) -> Say | Play | None:
        text = self.texts.get((line.prompt, language), "")
        filled = _filled(text, line.values)
        has_voice = bool(filled) and language in VOICED
        recording = self.recording(line.prompt, language)
        if recording is not None and filled == text:
            uploaded = recording.path is not None
            if uploaded or not has_voice:
                return Play(self.address(line.prompt, language, recording))
        return Say(filled, language) if has_voice else None


def spoken(script: Script, *, prompts: Prompts) -> Script:
    """The script with words and files in place of its lines."""
    return tuple(verb for found in script if (verb := _verb(found, prompts)) is not None)


def _verb(verb: Verb, prompts: Prompts) -> Verb | None:
    if isinstance(verb, Line):
        return _heard(verb, prompts)
    if isinstance(verb, Ask | Music):
        sounds = (_sound(one, prompts) for one in verb.sounds)
        return replace(verb, sounds=tuple(one for one in sounds if one is not None))
    return verb


def _sound(sound: Sound, prompts: Prompts) -> Sound | None:
    return _heard(sound, prompts) if isinstance(sound, Line) else sound


def _heard(line: Line, prompts: Prompts) -> Say | Play | None:
    found = prompts.heard(line)
    if found is None:
        log.warning("a line says nothing", prompt=line.prompt, language=line.language)
    return found


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def address_of(name: str, language: str, recording: Recording) -> str:
    """The same address without the hub's own, for its pages."""
    spoken_in = NO_LANGUAGE if name == MUSIC else language
    return f"{PATH}/{name}.{spoken_in}.{recording.version}.{TYPES[recording.mime]}"


# --- As it is now ---------------------------------------------------------------------------------


async def load_prompts(session: AsyncSession, *, public_url: str) -> Prompts:
    """What the lines say as the transaction sees it."""
    seen = await revision(session)
    words, delivered = await asyncio.to_thread(lambda: (prompt_words(), manifest()))
    announced = (await get_setting(session, Announcement)).texts
    texts: dict[Key, str] = {
        (name, language): text
        for name, line in words.items()
        for language, text in line.said().items()
    }
    rows = {(row.name, row.language): row for row in await session.exec(select(Prompt))}
    texts |= {key: row.text for key, row in rows.items() if key in texts}
    texts |= {(ANNOUNCEMENT, language): "" for language in LANGUAGES}
    texts |= {(ANNOUNCEMENT, language): text.strip() for language, text in announced.items()}
    texts[MUSIC, NO_LANGUAGE] = ""
    recordings = {}
    for key, text in texts.items():
        row = rows.get(key)
        made = delivered.get(file_name(*key))
        if row is not None and row.path is not None and row.mime is not None and row.text == text:
            recordings[key] = Recording(version=row.version, mime=row.mime, path=row.path)
        elif made is not None and made.words == digest(text):
            recordings[key] = Recording(version=made.version, mime=MIME, path=None)
    return Prompts(
        revision=seen,
        public_url=public_url,
        texts=MappingProxyType(texts),
        recordings=MappingProxyType(recordings),
    )


class CurrentPrompts:
    """The prompts as this process knows them: others' changes as soon as `refresh` is called."""

    def __init__(self, prompts: Prompts) -> None:
        self.prompts = prompts

    async def refresh(self, database: Database, *, seen: str | None = None) -> bool:
        """Look whether the office has changed, and read the prompts if so; whether it had.

        `seen` is the revision that somebody has just seen: of ours nothing is asked.
        Raises: Unavailable.
        """
        if seen == self.prompts.revision:
            return False
        async with database.read() as session:
            if await revision(session) == self.prompts.revision:
                return False
            self.prompts = await load_prompts(session, public_url=self.prompts.public_url)
        return True


async def open_prompts(database: Database, *, public_url: str) -> CurrentPrompts:
    """Read them for the first time. Raises: Unavailable."""
    async with database.read() as session:
        return CurrentPrompts(await load_prompts(session, public_url=public_url))
