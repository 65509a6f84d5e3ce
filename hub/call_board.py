"""Reads the board of calls for whoever asks: by the office's calendar and its target."""

from aiohttp import web
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.keys import CLOCK, OFFICE
from registry.calls.board import Board, read_board
from registry.office import get_setting
from registry.office_shapes import Telephone


async def read(request: web.Request, session: AsyncSession) -> Board:
    """The board as it is now."""
    app = request.config_dict
    telephone = await get_setting(session, Telephone)
    return await read_board(
        session,
        calendar=app[OFFICE].office.calendar,
        service_seconds=telephone.service_seconds,
        now=app[CLOCK](),
    )
