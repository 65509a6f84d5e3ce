"""What the hub tells about its work: for eyes on a terminal, one JSON object a line otherwise.

structlog's events and the standard library's records go one way, so that both are dated, levelled
and cleansed alike. No secret passes: not under a key that sounds like one, and none of those that
the settings hold, wherever in a line it stands.
"""

import logging
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, TextIO
from urllib.parse import urlsplit

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
    colours = stream.isatty()
    render: list[Processor]
    if form == "json" or (form == "auto" and not colours):
        render = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ]
    else:
        # The plain traceback: the richer ones print local variables, and with them secrets.
        plain = structlog.dev.plain_traceback
        render = [structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain)]
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        hide_secrets,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        _Formatter(
            frozenset() if settings is None else frozenset(secrets_of(settings)),
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *common],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *common,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask every value whose name sounds secret, however deep it lies."""
    return {key: _masked(key, value) for key, value in event.items()}


def secrets_of(settings: Settings) -> Iterator[str]:
    """The secrets that the settings hold, as far as they are long enough to be looked for."""
    found = [settings.secret_key.get_secret_value()]
    for url in (settings.database.url.get_secret_value(), settings.bus.url):
        found.append(urlsplit(url).password or "")
    for accounts in settings.channels.values():
        for keys in accounts.values():
            found += _secret_values(keys)
    return (secret for secret in found if len(secret) >= _SHORTEST)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Takes known secrets out of the finished line: a library may have put one into its message."""

    def __init__(self, secrets: Collection[str], **options: Any) -> None:
        super().__init__(**options)
        # The longest first, as one may contain another.
        self._secrets = sorted(secrets, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, MASK)
        return line


def _masked(key: object, value: Any) -> Any:
    if isinstance(value, SecretStr | SecretBytes):
        return MASK
    if isinstance(value, Mapping):
        return {inner: _masked(inner, held) for inner, held in value.items()}
    if isinstance(key, str) and _SECRET_NAME.search(key) and value is not None:
        return MASK
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(None, held) for held in value]
    return value


def _secret_values(keys: Mapping[str, Any]) -> Iterator[str]:
    for key, value in keys.items():
        if isinstance(value, Mapping):
            yield from _secret_values(value)
        elif isinstance(value, str) and _SECRET_NAME.search(key):
            yield value
