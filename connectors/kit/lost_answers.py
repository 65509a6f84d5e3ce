"""What a call means that the provider gave no answer to: surely not done, or nobody can know.

Nothing here quotes an error of the HTTP client: such texts may hold the address of a call, and
with it a token.
"""

from connectors.base import Misconfigured, SendError, Uncertain, Unreachable


def unanswered(
    error: BaseException, provider: str, *, sends: bool, whole: bool = True
) -> SendError:
    """What a call means that ended in an error of aiohttp's; `sends` where a citizen would see it.

    Where no connection came about, nothing went out. `whole` is False when the body broke off:
    providers act on whole requests alone. After that nobody can know.
    """
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Unreachable(f"No connection to {provider} could be made.")
    if not whole:
        return Unreachable("The connection broke before the whole message had been sent.")
    if isinstance(error, TimeoutError):
        return unclear(f"{provider} did not answer in time.", sends=sends)
    return unclear(f"The connection to {provider} broke before its answer.", sends=sends)


def unreadable(provider: str, *, sends: bool) -> SendError:
    """What it means when the provider says that it did it, and the rest cannot be read."""
    return unclear(f"{provider}'s answer could not be read.", sends=sends)


def unclear(reason: str, *, sends: bool, code: str | None = None) -> SendError:
    """Whatever leaves open what happened: a call that sends is not made again, any other is."""
    if sends:
        return Uncertain(f"{reason} The message may have gone out.", code=code)
    return Unreachable(reason, code=code)


def somebody_else(status: int, provider: str, *, table: str) -> Misconfigured:
    """A refusal that is not the provider's own; `table` is the account's in the settings."""
    return Misconfigured(
        f"What answers at the account's api_base is not {provider} (status {status}).",
        cure=f"Correct {table}.api_base, or leave it out.",
        code=str(status),
    )
