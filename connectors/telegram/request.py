"""One call of Telegram's: aiogram's method, its parameters, and the files that go with it."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from aiogram import Bot
from aiogram.methods import TelegramMethod
from aiogram.types import InputFile

from connectors.kit.texts import sendable
from registry.types import OutboundFile


class Upload(InputFile):
    """A file on its way out, never whole in memory."""

    def __init__(self, file: OutboundFile) -> None:
        super().__init__(filename=_file_name(file.name))
        self.file = file
        self.whole = False
        """Every byte of it was read for the call under way."""

    async def read(self, bot: Bot) -> AsyncGenerator[bytes, None]:
        self.whole = False
        async for chunk in self.file.stream():
            yield chunk
        self.whole = True


@dataclass(frozen=True, slots=True)
class Request:
    """A call: without files its parameters are its JSON, with them aiogram makes its form."""

    method: type[TelegramMethod[Any]]
    params: Mapping[str, Any] = field(default_factory=dict)
    """None for one that is left out."""
    uploads: tuple[Upload, ...] = ()

    @property
    def name(self) -> str:
        return self.method.__api_method__

    def to(self, chat: int) -> Self:
        """The same to another chat."""
        return replace(self, params={**self.params, "chat_id": chat})


def _file_name(name: str) -> str:
    """A name that stands in a form's header: no control characters, no quotes."""
    kept = "".join(c for c in sendable(name) if c.isprintable() and c not in '"\\')
    return kept.strip() or "file"
