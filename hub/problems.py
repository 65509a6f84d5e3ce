"""Problems: every error of the API as one kind of answer, `application/problem+json`.

`type` is "about:blank", as the status says the kind; `code` is the stable word for programs, and
`detail` the sentence for people: what is wrong, and what can be done.
Source: https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Any

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from connectors.base import Misconfigured, Retryable, SendError, Throttled, Uncertain
from registry.appeals import (
    ChangedSince,
    DifferentContacts,
    FormChanged,
    NotAllowed,
    NotUndoable,
)
from registry.calls.legs import NothingRings
from registry.calls.sound_length import NotASound, SoundTooLong
from registry.calls.talking import BeingCalled, NobodyAsked, NotFree, NotTalking, OnTheLine
from registry.calls.wrap_up import AboutWhat, NoMatter, NothingToWrapUp
from registry.contacts import BadPoint, UnknownPerson
from registry.contacts.seeing import ConcernsOthers
from registry.drafts import DraftChanged
from registry.errors import (
    AlreadyHeld,
    BadValue,
    CannotCarry,
    IllegalMove,
    KeyReused,
    Merged,
    NotFound,
    NotRetryable,
    RegistryError,
    Unavailable,
)
from registry.events import NoSuchPlace
from registry.inbox import BadCursor
from registry.media import TooLarge
from registry.operators import Taken, Unacceptable
from registry.replies import ColleagueReplied, TakenBackAlready, TooLate
from registry.staff import LastAdmin

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"

RETRY_AFTER_SECONDS = 5
"""When to come again after an outage."""


class Problem(Exception):
    """An answer that is an error. `members` are added to the document."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.members = members

    def response(self) -> web.Response:
        """The problem as an answer."""
        document = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.members,
        }
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        response = web.Response(
            status=self.status,
            body=msgspec.json.encode(document),
            content_type=CONTENT_TYPE,
            headers={**headers, **self.headers},
        )
        if self.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            response.force_close()  # the rest of the body would stand before the next request
        return response


@web.middleware
async def answer_with_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever went wrong below into a problem."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except RegistryError as error:
        if isinstance(error, Unavailable):
            log.warning(
                "the API cannot answer now", method=request.method, path=request.path,
                reason=str(error), cause=type(error.__cause__).__name__,
            )  # fmt: skip
        return of_registry(error).response()
    except web.RequestPayloadError:
        return Problem(
            400, "broken_body", "The body ended before its end; send it again."
        ).response()
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return _of_http(error, request).response()
    except ConnectionError:
        raise  # the client is gone: there is nobody to answer
    except Exception:  # the border: whatever it is, the client gets a problem
        log.exception("the API failed", method=request.method, path=request.path)
        return Problem(
            500,
            "internal",
            "The hub failed at this; its log says why. Try again, or tell its keeper.",
        ).response()


def of_registry(error: RegistryError) -> Problem:
    """The problem that a refusal of the registry is."""
    detail = str(error)
    match error:
        case NotFound():
            return Problem(404, "not_found", detail)
        case AlreadyHeld():
            holder = {"id": error.holder_id, "name": error.holder_name}
            return Problem(409, "already_held", detail, holder=holder)
        case IllegalMove():
            return Problem(409, "illegal_move", detail, allowed=list(error.allowed))
        case ChangedSince():
            return Problem(409, "changed_since", detail, changes=error.later)
        case NotUndoable():
            return Problem(409, "not_undoable", detail)
        case DifferentContacts():
            return Problem(409, "different_contacts", detail, into=error.into)
        case Merged():
            return Problem(409, "merged", detail, into=error.into)
        case BadValue():
            return Problem(400, "invalid", detail, pointer=f"/{error.field}")
        case CannotCarry():
            return Problem(409, error.code, detail, reason=error.reason, instead=error.instead)
        case NotRetryable():
            return Problem(409, "not_retryable", detail, state=error.state)
        case KeyReused():
            return Problem(422, "key_reused", detail)
        case FormChanged():
            return Problem(422, "form_changed", detail, number=error.number)
        case ColleagueReplied():
            told = {
                "message": str(error.message_id),
                "name": error.name,
                "at": error.at,
                "beginning": error.beginning,
            }
            return Problem(409, "colleague_replied", detail, colleague=told)
        case TakenBackAlready():
            return Problem(409, "taken_back", detail)
        case TooLate():
            return Problem(409, "too_late", detail, state=error.state)
        case DraftChanged():
            return Problem(409, "draft_changed", detail, draft=error.current)
        case ConcernsOthers():
            return Problem(403, "concerns_others", detail)
        case NotAllowed():
            return Problem(403, "forbidden", detail)
        case TooLarge():
            return Problem(413, "too_large", detail, limit=error.limit)
        case NotASound():
            return Problem(400, "not_a_sound", detail, pointer="/file")
        case SoundTooLong():
            return Problem(
                400, "sound_too_long", detail, pointer="/file",
                seconds=error.seconds, limit=error.limit,
            )  # fmt: skip
        case BadPoint() | UnknownPerson():
            return Problem(400, "invalid", detail, pointer="/contact")
        case Taken():
            return Problem(409, "taken", detail)
        case LastAdmin():
            return Problem(409, "last_admin", detail)
        case Unacceptable():
            return Problem(400, "invalid", detail)
        case BadCursor() | NoSuchPlace():
            return Problem(400, "bad_cursor", detail)
        case Unavailable():
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return Problem(503, "unavailable", f"{detail} Try again.", headers=headers)
        case _ if type(error) in _AT_THE_PHONE:
            return Problem(409, _AT_THE_PHONE[type(error)], detail)
        case _:
            return Problem(400, "refused", detail)


_AT_THE_PHONE: Mapping[type[RegistryError], str] = {
    NotTalking: "not_talking",
    NotFree: "not_free",
    OnTheLine: "on_the_line",
    NobodyAsked: "nobody_asked",
    BeingCalled: "being_called",
    NothingRings: "nothing_rings",
    NothingToWrapUp: "nothing_to_wrap_up",
    AboutWhat: "about_what",
    NoMatter: "no_matter",
}


def of_provider(error: SendError) -> Problem:
    """The problem that a provider's refusal is, of something asked while somebody waits."""
    match error:
        case Misconfigured():
            return Problem(
                409, "account_down", f"{error.reason} {error.cure}",
                reason=error.reason, instead=error.cure,
            )  # fmt: skip
        case Retryable() | Uncertain():
            wait = RETRY_AFTER_SECONDS
            if isinstance(error, Throttled):
                wait = max(ceil(error.retry_after), 1)
            headers = {"Retry-After": str(wait)}
            return Problem(
                503, "unavailable", f"{error.reason} Try again.",
                headers=headers, reason=error.reason,
            )  # fmt: skip
        case _:
            instead = "Do it at the provider's own page, or tell the administrator."
            return Problem(
                409, "refused", f"{error.reason} {instead}", reason=error.reason, instead=instead
            )


def _of_http(error: web.HTTPException, request: web.Request) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem(
            405,
            "method_not_allowed",
            f"{request.path} takes {allowed}, not {error.method}.",
            headers={"Allow": allowed},
        )
    if isinstance(error, web.HTTPNotFound):
        return Problem(404, "not_found", f"There is nothing at {request.path}.")
    code = HTTPStatus(error.status).phrase.lower().replace(" ", "_")
    return Problem(error.status, code, error.text or error.reason)
