"""How an account is that could not even be asked about."""

from collections.abc import Mapping

from connectors.base import Diagnosis, Health, Misconfigured, SendError

_REACH = "Check that this machine reaches the account's api_base."


def unreachable(
    error: SendError, *, cure: str = _REACH, details: Mapping[str, str] | None = None
) -> Diagnosis:
    """What a failed question tells of the account; `cure` where the error names none itself."""
    if isinstance(error, Misconfigured):
        cure = error.cure
    return Diagnosis(health=Health.DOWN, summary=error.reason, cure=cure, details=details or {})
