"""The board of calls as a table to take out."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from hub.api.route import Route
from hub.call_board import read
from hub.keys import DATABASE
from hub.tables import XLSX, as_csv, as_xlsx
from hub.views import call_board_words as words
from hub.views.names import Names, load_names
from hub.web import i18n
from hub.web.i18n import gettext as _
from hub.web.pages import language_of
from registry.calls.board import Board
from registry.operators import Role


def _csv(board: Board, _names: Names) -> bytes:
    return as_csv(words.hours_table(board))


def _xlsx(board: Board, names: Names) -> bytes:
    return as_xlsx(
        {
            _("Hours"): words.hours_table(board),
            _("Operators"): words.operators_table(board),
            _("Who waits"): words.queues_table(board, names),
        }
    )


async def csv(request: web.Request) -> web.Response:
    """`GET phone/board.csv`."""
    return await _taken(request, _csv, "csv", "text/csv")


async def xlsx(request: web.Request) -> web.Response:
    """`GET phone/board.xlsx`."""
    return await _taken(request, _xlsx, "xlsx", XLSX)


async def _taken(
    request: web.Request, write: Callable[[Board, Names], bytes], ending: str, mime: str
) -> web.Response:
    async with request.config_dict[DATABASE].read() as session:
        board, names = await read(request, session), await load_names(session)
    with i18n.use(language_of(request)):
        # A thread has the language that is in use here.
        body = await asyncio.to_thread(write, board, names)
    name = f"calls-{board.day:%Y-%m-%d}.{ending}"
    return web.Response(
        body=body,
        headers={
            "Content-Type": f"{mime}; charset=utf-8" if ending == "csv" else mime,
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


ROUTES = (
    Route(
        method="GET",
        path="/phone/board.csv",
        handler=csv,
        role=Role.SUPERVISOR,
        summary="Today's calls by the hour, beside the same weekday of last week, as a table.",
        media="text/csv",
    ),
    Route(
        method="GET",
        path="/phone/board.xlsx",
        handler=xlsx,
        role=Role.SUPERVISOR,
        summary="The same as a workbook, with who is at the phone and who waits.",
        media=XLSX,
    ),
)
