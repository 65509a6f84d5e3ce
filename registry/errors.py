"""The registry's errors: fields carry the data, the message is a sentence for a person."""

from datetime import datetime


class RegistryError(Exception):
    """The family of everything the registry refuses."""


class Unavailable(RegistryError):
    """The database cannot be reached, is locked, or is full: nothing was stored, try again."""


class NotFound(RegistryError):
    """There is no such thing, or the asker may not see it."""

    def __init__(self, what: str, name: object) -> None:
        super().__init__(f"There is no {what} {name}.")
        self.what = what
        self.name = str(name)


class NotAllowed(RegistryError):
    """The role does not reach so far; the sentence says whose does."""


class IllegalMove(RegistryError):
    """The status table has no such move."""

    def __init__(self, number: str, source: str, target: str, allowed: tuple[str, ...]) -> None:
        choices = ", ".join(allowed) or "nothing"
        super().__init__(
            f"{number} is {source} and cannot become {target}; it can become {choices}."
        )
        self.number = number
        self.source = source
        self.target = target
        self.allowed = allowed


class AlreadyHeld(RegistryError):
    """Somebody else holds the appeal."""

    def __init__(self, number: str, holder_id: str, holder_name: str) -> None:
        super().__init__(f"{number} is held by {holder_name}.")
        self.number = number
        self.holder_id = holder_id
        self.holder_name = holder_name


class BadValue(RegistryError):
    """A field of what was asked cannot have this value; the sentence says what it can have."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class Merged(RegistryError):
    """The appeal's messages were moved to another one: work goes on there."""

    def __init__(self, number: str, into: str) -> None:
        super().__init__(f"{number} was merged into {into}; work goes on there.")
        self.number = number
        self.into = into


class CannotCarry(RegistryError):
    """The channel cannot carry this reply now: the reason, and what can be done instead."""

    def __init__(self, reason: str, *, code: str, instead: str) -> None:
        super().__init__(f"{reason} {instead}")
        self.reason = reason
        self.code = code
        self.instead = instead


class KeyReused(RegistryError):
    """An Idempotency-Key came again with another request."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The Idempotency-Key {key!r} was used for a different reply; use a new one."
        )
        self.key = key


class NotRetryable(RegistryError):
    """The message is not in a state from which it may be sent again."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(reason)
        self.state = state


class NaiveTime(RegistryError, ValueError):
    """A time without a zone was about to be stored."""

    def __init__(self, value: datetime) -> None:
        super().__init__(f"The time {value.isoformat()} has no time zone; times here are UTC.")
