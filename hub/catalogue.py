"""What each channel can carry, in words for a person, and which accounts the settings have."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from config.settings import SettingsError
from connectors.discovery import channel_class, channel_names
from registry.types import AttachmentKind, Capabilities

_UNITS = {
    "utf16": "UTF-16 units",
    "codepoints": "characters",
    "bytes": "bytes",
    "weighted": "weighted characters",
}
_WITHOUT_FILE = frozenset({AttachmentKind.LOCATION, AttachmentKind.CONTACT})


def describe_channels(
    channels: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> Iterator[str]:
    """A paragraph for each channel there is; `channels` are the settings' accounts."""
    for channel in channel_names():
        accounts = ", ".join(sorted(channels.get(channel, {}))) or "none in the settings"
        try:
            usual: Any = channel_class(channel).capabilities
            lines = _lines(usual)
        except SettingsError as error:
            lines = [("not usable", str(error))]
        told = [f"  {name:<14}{value}" for name, value in [("accounts", accounts), *lines]]
        yield "\n".join([channel, *told])


def _lines(can: Capabilities) -> list[tuple[str, str]]:
    if not can.carries:
        return [("text", "none: it is spoken, and a reply is a call")]
    lines = [
        ("text", _text(can)),
        ("files", _files(can)),
        ("replies", _window(can)),
        ("receipts", _listed(sorted(can.receipts))),
        ("also", _listed(_abilities(can))),
        ("sends", f"at most {_rate(can)}"),
    ]
    if can.public is not None:
        public = can.public
        lines += [
            ("in public", _text(public)),
            ("", f"files: {_files(public)}"),
            ("", f"also: {_listed(_abilities(public))}"),
        ]
    return lines


def _text(can: Capabilities) -> str:
    text = f"up to {can.max_text} {_UNITS[can.text_unit]}"
    if can.max_caption:
        text += f", {can.max_caption} beside a file"
    return text


def _files(can: Capabilities) -> str:
    return _listed(
        kind.value if kind in _WITHOUT_FILE else f"{kind.value} {_size(limit.max_bytes)}"
        for kind, limit in can.media.items()
    )


def _window(can: Capabilities) -> str:
    if can.reply_window_hours is None:
        return "always open"
    return f"{can.reply_window_hours:g} hours after the citizen's last message"


def _rate(can: Capabilities) -> str:
    rate = f"{can.rate.per_second:g} a second"
    if can.rate.per_conversation_seconds:
        rate += f", one in {can.rate.per_conversation_seconds:g} s to each citizen"
    return rate


def _abilities(can: Capabilities) -> list[str]:
    abilities = {
        "first messages": can.can_initiate,
        "threads": can.threads,
        "edits": can.edits,
        "repeated sends told apart": can.idempotent_send,
        "templates": can.templates,
        "counted in SMS segments": can.segments,
        f"one private reply within {can.private_reply_hours or 0:g} hours": bool(
            can.private_reply_hours
        ),
        "hiding of comments": can.hides,
    }
    return [name for name, has in abilities.items() if has]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"


def _size(count: int) -> str:
    """Bytes as people write them."""
    megabytes = count / 1024**2
    return f"{megabytes:g} MB" if megabytes >= 1 else f"{count} B"
