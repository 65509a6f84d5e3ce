"""What X's refusals mean to the hub: one table, read from the top.

X answers with a problem (RFC 7807): `type` is exact where it is given, but most refusals of a
single message are `about:blank` with 403, and only the words of `detail` tell them apart.

Sources: https://docs.x.com/x-api/fundamentals/response-codes-and-errors,
https://docs.x.com/x-api/fundamentals/rate-limits,
https://developer.x.com/en/support/x-api/error-troubleshooting
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from connectors.base import (
    Blocked,
    Misconfigured,
    Rejected,
    SendError,
    Throttled,
    Unreachable,
)
from connectors.kit.lost_answers import somebody_else, unclear

Doing: TypeAlias = Literal["post", "dm", "file", "other"]
"""What a call does: it sends a post or a direct message, hands a file over, or asks."""
SENDS: frozenset[Doing] = frozenset({"post", "dm"})
"""What a citizen would see twice."""

LONGEST_PAUSE = 3600.0
"""Seconds: X counts some calls by the day, and a limit that was lifted earlier is to be noticed."""
_PAUSE = 60.0
"""Seconds to wait where X says "too many" and not until when."""
_SLOW_DOWN = 900.0
"""Seconds to wait where X takes us for a machine that posts too much."""
_CONSOLE = "the Developer Console (https://console.x.com)"


class Problem(Struct, frozen=True, kw_only=True):
    """A refusal in X's words."""

    status: int
    code: str
    """The end of the problem's type, the number of an older error, or the status."""
    said: str
    """What X says, on one line."""


class Row(Struct, frozen=True, kw_only=True):
    """One kind of refusal: all that is given must hold."""

    error: type[SendError]
    reason: str
    """`{said}` becomes X's own words."""
    codes: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    """Any of these stands in what X says, in lower case."""
    doing: frozenset[Doing] = frozenset()
    statuses: frozenset[int] = frozenset()
    cure: str = ""


_ANEW = (
    f"In {_CONSOLE} give the app Read, Write and Direct Message permissions, then generate the "
    "Access Token and Secret anew (older ones keep the older permissions), put them into the "
    "settings and restart the hub."
)
_CREDITS = (
    f"Buy credits in {_CONSOLE}, or turn on auto-recharge there; what waits goes out by itself."
)
_FORBIDDEN = frozenset({int(HTTPStatus.FORBIDDEN)})

TABLE: tuple[Row, ...] = (
    # --- The money ---
    Row(
        error=Misconfigured,
        reason="The credits of the app on X are spent.",
        statuses=frozenset({int(HTTPStatus.PAYMENT_REQUIRED)}),
        cure=_CREDITS,
    ),
    Row(
        error=Misconfigured,
        reason="The app has reached its spending limit on X: {said}.",
        codes=frozenset({"usage-capped", "credits", "credits-depleted"}),
        cure=f"Raise the spending limit in {_CONSOLE}, or wait for the next billing cycle.",
    ),
    # --- The keys ---
    Row(
        error=Misconfigured,
        reason="X does not accept the account's keys.",
        statuses=frozenset({int(HTTPStatus.UNAUTHORIZED)}),
        cure="Compare consumer_key, consumer_secret, access_token and access_token_secret (and "
        f"bearer_token) with those in {_CONSOLE}; generate those that differ anew.",
    ),
    Row(
        error=Misconfigured,
        reason="The app may not do this in the account's name: {said}.",
        codes=frozenset(
            {"oauth1-permissions", "unsupported-authentication", "client-not-enrolled", "93", "220"}
        ),
        cure=_ANEW,
    ),
    Row(
        error=Misconfigured,
        reason="The app has no access to this part of X: {said}.",
        codes=frozenset({"client-forbidden", "453"}),
        cure=f"Put the app into a project with pay-per-use access in {_CONSOLE}.",
    ),
    # --- Our account ---
    Row(
        error=Misconfigured,
        reason="X has suspended or locked our account: {said}.",
        codes=frozenset({"64", "326"}),
        cure="Sign in at https://x.com as the account and follow what X asks for.",
    ),
    Row(
        error=Misconfigured,
        reason="X has suspended or locked our account: {said}.",
        words=("your account is suspended", "account is temporarily locked", "your account has"),
        statuses=_FORBIDDEN,
        cure="Sign in at https://x.com as the account and follow what X asks for.",
    ),
    # --- Too much ---
    Row(
        error=Throttled,
        reason="X takes no more of our messages for now: {said}.",
        codes=frozenset({"185", "226", "344"}),
    ),
    Row(
        error=Throttled,
        reason="X takes no more of our messages for now: {said}.",
        words=("daily limit", "over daily status", "might be automated"),
        statuses=_FORBIDDEN,
    ),
    # --- The citizen ---
    Row(
        error=Blocked,
        reason="X does not let us write to this person: {said}.",
        codes=frozenset({"150", "151", "349", "476"}),
    ),
    Row(
        error=Blocked,
        reason="X does not let us write to this person: {said}.",
        words=(
            "permission to dm",
            "cannot send messages to",
            "not permitted",
            "not verified to send message requests",
            "blocked",
            "who are not following you",
            "has been suspended",
            "recipient",
        ),
        statuses=_FORBIDDEN,
        doing=frozenset({"dm"}),
    ),
    Row(
        error=Blocked,
        reason="The author lets us not reply in this thread: {said}.",
        words=("reply to this conversation is not allowed", "blocked"),
        statuses=_FORBIDDEN,
        doing=frozenset({"post"}),
    ),
    Row(
        error=Blocked,
        reason="There is no such person on X any more: {said}.",
        statuses=frozenset({int(HTTPStatus.NOT_FOUND)}),
        doing=frozenset({"dm"}),
    ),
    # --- What is asked rather than sent ---
    Row(
        error=Misconfigured,
        reason="The app may not do this in the account's name: {said}.",
        statuses=_FORBIDDEN,
        doing=frozenset({"other"}),
        cure=_ANEW,
    ),
    # --- The message: all that is left, named where it is usual ---
    Row(
        error=Rejected,
        reason="X takes no text twice: our account has posted the same before. Change a word.",
        words=("duplicate content",),
        statuses=_FORBIDDEN,
    ),
    Row(
        error=Rejected,
        reason="The post that this answers was deleted, or is hidden from us.",
        words=("deleted or not visible",),
    ),
)


def problem_of(status: int, data: Any) -> Problem | None:
    """X's problem from the JSON of an answer; None when it is none of X's."""
    if not isinstance(data, dict):
        return None
    errors = data.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        first = {}
    closer = _first(first.get("message"), first.get("detail"))
    said = _first(data.get("detail"), closer, data.get("title"), first.get("title"))
    said = said or _first(data.get("error"))
    if said is not None and closer is not None and closer not in said:
        said = f"{_one_line(said)}: {closer}"
    if said is None and "type" not in data:
        return None
    return Problem(
        status=status,
        code=_code(data, first) or str(status),
        said=_one_line(said or HTTPStatus(status).phrase),
    )


def _first(*told: Any) -> str | None:
    """The first that says anything."""
    return next((one for one in told if isinstance(one, str) and one.strip()), None)


def _code(*problems: Mapping[str, Any]) -> str | None:
    for problem in problems:
        kind = problem.get("type")
        if isinstance(kind, str) and "/problems/" in kind:
            return _one_line(kind.rpartition("/")[2])[:60] or None
        number = problem.get("code")
        if isinstance(number, int) and not isinstance(number, bool):
            return str(number)
    return None


def refused(
    problem: Problem, headers: Mapping[str, str], *, doing: Doing, now: datetime
) -> SendError:
    """What a refusal means (a status from 400 up)."""
    for row in TABLE:
        if _holds(row, problem, doing):
            return _MAKERS[row.error](row, problem, headers, now)
    if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
        return throttled(headers, now)
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Unreachable(f"X is overloaded: {problem.said}.", code="503")
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return unclear(f"X is in trouble: {problem.said}.", code=problem.code, sends=doing in SENDS)
    return Rejected(f"X refused: {problem.said}.", code=problem.code)


def _holds(row: Row, problem: Problem, doing: Doing) -> bool:
    if row.statuses and problem.status not in row.statuses:
        return False
    if row.codes and problem.code not in row.codes:
        return False
    if row.doing and doing not in row.doing:
        return False
    lowered = problem.said.lower()
    return not row.words or any(words in lowered for words in row.words)


def _misconfigured(row: Row, problem: Problem, _: Mapping[str, str], __: datetime) -> SendError:
    return Misconfigured(_reason(row, problem), cure=row.cure, code=problem.code)


def _throttled_row(
    row: Row, problem: Problem, headers: Mapping[str, str], now: datetime
) -> SendError:
    pause = _until_reset(headers, now)
    return Throttled(
        _reason(row, problem), retry_after=max(pause or 0.0, _SLOW_DOWN), code=problem.code
    )


def _blocked(row: Row, problem: Problem, _: Mapping[str, str], __: datetime) -> SendError:
    return Blocked(_reason(row, problem), code=problem.code)


def _rejected(row: Row, problem: Problem, _: Mapping[str, str], __: datetime) -> SendError:
    return Rejected(_reason(row, problem), code=problem.code)


_Maker: TypeAlias = Callable[[Row, Problem, Mapping[str, str], datetime], SendError]
_MAKERS: dict[type[SendError], _Maker] = {
    Misconfigured: _misconfigured,
    Throttled: _throttled_row,
    Blocked: _blocked,
    Rejected: _rejected,
}


def _reason(row: Row, problem: Problem) -> str:
    return row.reason.replace("{said}", problem.said)


def throttled(headers: Mapping[str, str], now: datetime) -> Throttled:
    """X's window of calls is used up; it tells when the next one begins."""
    wait = _until_reset(headers, now)
    pause = _PAUSE if wait is None else wait
    return Throttled(
        f"X asks the account to wait {pause:.0f} seconds.", retry_after=pause, code="429"
    )


def _until_reset(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until the windows that are used up begin anew."""
    waits = []
    for name in ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour"):
        reset = headers.get(f"{name}-reset", "")
        used_up = name == "x-rate-limit" or headers.get(f"{name}-remaining") == "0"
        if used_up and reset.isascii() and reset.isdecimal() and len(reset) < 12:
            waits.append((datetime.fromtimestamp(int(reset), UTC) - now).total_seconds())
    if not waits:
        return None
    return min(max(*waits, 1.0), LONGEST_PAUSE)


def not_x(
    status: int, headers: Mapping[str, str], *, doing: Doing, account: str, now: datetime
) -> SendError:
    """An answer that is not X's JSON comes from something in between.

    A 4xx or a 503 is a refusal: nothing was passed on. Behind another 5xx the message may have
    been passed on and the answer lost.
    """
    code = str(status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return throttled(headers, now)
    if status == HTTPStatus.UNAUTHORIZED or status == HTTPStatus.PAYMENT_REQUIRED:
        return refused(Problem(status=status, code=code, said=code), headers, doing=doing, now=now)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Rejected("The file is larger than X takes.", code=code)
    if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.SERVICE_UNAVAILABLE}:
        return Unreachable(f"X's front answered {status}.", code=code)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return somebody_else(status, "X", table=f"channels.twitter.{account}")
    return unclear(
        f"X's front answered {status} without a reason.", code=code, sends=doing in SENDS
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300].rstrip(".")
