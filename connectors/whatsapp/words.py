"""Words on their way in and out, whoever carries them."""

from collections.abc import Mapping

from connectors.base import Rejected


def placeholder(kind: str, why: str = "") -> str:
    """What stands in the thread for a message that cannot be shown."""
    reason = f" {' '.join(why.split()).rstrip('.')}." if why else ""
    return f"[A WhatsApp message of a kind that cannot be shown here: {kind[:64]}.{reason}]"


def fitting(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables in one line each: Meta refuses new lines, tabs and rows of blanks in them.

    Raises: Rejected for an empty one.
    """
    told = {name: " ".join(value.split()) for name, value in variables.items()}
    empty = sorted(name for name, value in told.items() if not value)
    if empty:
        raise Rejected(f"The template's {', '.join(empty)} must not be empty.")
    return told
