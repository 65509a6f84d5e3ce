"""What is noted of looking: who opened an appeal, and who took a file out.

Whoever reads on while nothing can be written is not stopped for that; the log says it.
"""

from collections.abc import Mapping

import structlog
from aiohttp import hdrs, web
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.keys import CLOCK, DATABASE
from hub.web.sessions import client_address
from hub.web.signed import PRINCIPAL
from registry.audit import audit, is_seen_lately
from registry.errors import Unavailable

log = structlog.get_logger(__name__)


async def is_news(request: web.Request, session: AsyncSession, appeal_id: int) -> bool:
    """Whether it is to be noted that whoever asks has the appeal open: not within five minutes."""
    principal, now = request[PRINCIPAL], request.config_dict[CLOCK]()
    return not await is_seen_lately(session, appeal_id, principal=principal, now=now)


async def note_seen(request: web.Request, appeal_id: int) -> None:
    """Note that whoever asks has the appeal open."""
    await _note(request, "appeal.seen", appeal_id=appeal_id)


async def note_taken(request: web.Request, appeal_id: int | None, data: Mapping[str, str]) -> None:
    """Note that whoever asks takes a file: once, however many pieces a player asks for."""
    if _begins(request):
        await _note(request, "file.taken", appeal_id=appeal_id, data=data)


async def note_heard(request: web.Request, appeal_id: int | None, data: Mapping[str, str]) -> None:
    """Note that whoever asks listens to a recorded call: once, as above."""
    if _begins(request):
        await _note(request, "recording.heard", appeal_id=appeal_id, data=data)


def _begins(request: web.Request) -> bool:
    goes_on = not request.headers.get(hdrs.RANGE, "bytes=0-").startswith("bytes=0-")
    return request.method == hdrs.METH_GET and not goes_on


async def _note(
    request: web.Request,
    event: str,
    *,
    appeal_id: int | None,
    data: Mapping[str, str] | None = None,
) -> None:
    try:
        # Every look at an appeal would wake whoever follows the changes of appeals.
        async with request.config_dict[DATABASE].write(tells=False) as session:
            await audit(
                session, event, principal=request[PRINCIPAL], now=request.config_dict[CLOCK](),
                appeal_id=appeal_id, address=client_address(request), data=data,
            )  # fmt: skip
    except Unavailable as error:
        log.warning("what was seen could not be noted", noted=event, reason=str(error))
