"""Replies taken back before they leave, for their writer to go on with."""

import structlog
from aiohttp import web
from msgspec import Struct

from hub.api.exchange import id_of, json_response
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import BUS, CLOCK, DATABASE
from registry.drafts import DraftContent
from registry.operators import Role
from registry.replies import take_back
from registry.uploads import Upload
from workers.bus import Topic

log = structlog.get_logger(__name__)


class TakenBackShown(Struct, frozen=True, kw_only=True):
    """A reply that did not go: its writer has it again, as a draft too."""

    number: str
    """The appeal's."""
    content: DraftContent
    """As the composer holds it."""
    uploads: list[Upload]
    draft_version: int | None
    """Of the caller's draft, which holds it again; null where they have written another one, or
    it is another's."""


async def take(request: web.Request) -> web.Response:
    """`DELETE messages/{id}`."""
    message_id, principal = id_of(request, "message"), request[PRINCIPAL]
    async with request.config_dict[DATABASE].write() as session:
        taken = await take_back(session, message_id, by=principal, now=request.config_dict[CLOCK]())
    # It held back the later ones of its conversation.
    request.config_dict[BUS].wake(Topic.OUTBOX)
    log.info("reply taken back", appeal=taken.number, message=str(message_id))
    return json_response(
        TakenBackShown(
            number=taken.number,
            content=taken.content,
            uploads=taken.uploads,
            draft_version=taken.draft_version,
        )
    )


ROUTES = (
    Route(
        method="DELETE",
        path="/messages/{id}",
        handler=take,
        role=Role.OPERATOR,
        summary="Take back a reply that has not begun to leave.",
        returns=TakenBackShown,
        problems=(403, 404, 409),
    ),
)
