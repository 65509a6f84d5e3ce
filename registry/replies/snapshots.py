"""What a reply changes in its appeal, so that it can be put right when the reply is taken back."""

from datetime import datetime
from typing import Any, TypeAlias

from registry.columns import UtcTime, to_text
from registry.models import Appeal

Snapshot: TypeAlias = dict[str, Any]
"""An appeal's columns as JSON has them."""

Difference: TypeAlias = dict[str, list[Any]]
"""By column, the value before and the one after."""

_COUNTED = frozenset({"message_count", "last_message_at"})
"""What is told by the messages that are there."""


def snapshot(appeal: Appeal) -> Snapshot:
    """The appeal as it is."""
    columns = Appeal.__table__.columns  # type: ignore[attr-defined]
    return {column.name: written(getattr(appeal, column.name)) for column in columns}


def difference(before: Snapshot, after: Snapshot) -> Difference:
    """What became different."""
    return {
        name: [old, after[name]]
        for name, old in before.items()
        if old != after[name] and name not in _COUNTED
    }


def written(value: Any) -> Any:
    """A column's value as JSON has it."""
    return to_text(value) if isinstance(value, datetime) else value


def read(name: str, value: Any) -> Any:
    """A column's value as it was before it was written."""
    column = Appeal.__table__.columns[name]  # type: ignore[attr-defined]
    if value is not None and isinstance(column.type, UtcTime):
        return datetime.fromisoformat(value)
    return value
