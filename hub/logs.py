"""What the hub tells about its work: for eyes on a terminal, one JSON object a line otherwise.

structlog's events and the standard library's records go one way, so that both are dated, levelled
and cleansed alike. No secret passes: not under a key that sounds like one, and none of those that
the settings hold, wherever in a line it stands.
"""

import asyncio
import logging
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cache, partial
from typing import Any, Literal, TextIO
from urllib.parse import urlsplit

import msgspec
import structlog
from pydantic import SecretBytes, SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from config.settings import Settings

MASK = "[hidden]"

_QUIET = ("aiogram", "aiohttp.access", "aiosqlite", "alembic", "apscheduler", "asyncio", "tzlocal")
"""Libraries whose everyday news nobody needs."""

_SECRET_NAME = re.compile(
    r"token|secret|passw|authorization|cookie|credential|api_?key", re.IGNORECASE
)
_SHORTEST = 6
"""Characters from which a secret is looked for in text; a shorter one would hide common words."""


def set_up(
    settings: Settings | None = None,
    *,
    level: str = "info",
    form: Literal["auto", "console", "json"] = "auto",
    stream: TextIO | None = None,
) -> None:
    """Send everything to `stream` (standard error) from now on; the settings win over the rest."""
    stream = stream or sys.stderr
    if settings is not None:
        level, form = settings.log.level, settings.log.format
    secrets = () if settings is None else tuple(secrets_of(settings))
    least = logging.getLevelNamesMapping()[level.upper()]
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_secrets,
    ]
    hide: Processor = partial(_hide_in_line, secrets)
    render = [*_renderers(form, stream), hide]
    structlog.configure(
        processors=[*common, *render],
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        wrapper_class=structlog.make_filtering_bound_logger(least),
        cache_logger_on_first_use=True,
    )

    handler = logging.StreamHandler(stream)
    handler.addFilter(_is_news)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *common],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(least)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, least))
    logging.captureWarnings(capture=True)


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask every value whose name sounds secret, however deep it lies."""
    for key, value in event.items():
        event[key] = _masked(key, value)
    return event


def secrets_of(settings: Settings) -> list[str]:
    """The secrets that the settings hold and that are long enough to be looked for, longest first.

    The longest comes first because one may contain another.
    """
    urls = (settings.database.url.get_secret_value(), settings.bus.url)
    found = [settings.secret_key.get_secret_value(), settings.oidc.client_secret.get_secret_value()]
    found += [urlsplit(url).password or "" for url in urls]
    for accounts in settings.channels.values():
        for keys in accounts.values():
            found += _secret_values(keys)
    return sorted({secret for secret in found if len(secret) >= _SHORTEST}, key=len, reverse=True)


def _renderers(form: str, stream: TextIO) -> list[Processor]:
    terminal = stream.isatty()
    if form == "json" or (form == "auto" and not terminal):
        return [structlog.processors.format_exc_info, _as_json]
    # The plain traceback: the richer ones print local variables, and with them secrets.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=plain)]


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def _hide_in_line(
    secrets: Collection[str], _logger: WrappedLogger, _method: str, line: EventDict | str
) -> str:
    """Take known secrets out of the finished line: a library may have put one into its message."""
    assert isinstance(line, str)
    for secret in secrets:
        line = line.replace(secret, MASK)
    return line


def _is_news(record: logging.LogRecord) -> bool:
    """Work that was cancelled by a stop is no fault, though a library may report it as one."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, asyncio.CancelledError)


def _masked(key: object, value: Any) -> Any:
    if isinstance(key, str) and _sounds_secret(key) and value is not None:
        return MASK
    match value:
        case str() | int() | float() | None:
            return value
        case SecretStr() | SecretBytes():
            return MASK
        case Mapping():
            return {inner: _masked(inner, held) for inner, held in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(None, held) for held in value]
        case _:
            return value


@cache
def _sounds_secret(key: str) -> bool:
    return _SECRET_NAME.search(key) is not None


def _secret_values(keys: Mapping[str, Any]) -> Iterator[str]:
    for key, value in keys.items():
        if isinstance(value, Mapping):
            yield from _secret_values(value)
        elif isinstance(value, str) and _sounds_secret(key):
            yield value
