"""The board of calls: a page for supervisors, and the same for a screen on the wall."""

from typing import Any

from aiohttp import web

from hub.call_board import read
from hub.keys import DATABASE
from hub.views import call_board_words as words
from hub.views import shell
from hub.views.call_chart import HEIGHT, LABELS, WIDTH, drawn
from hub.views.names import load_names
from hub.web.pages import Page, is_fragment, render
from registry.calls.board import Board
from registry.operators import Role


async def page(request: web.Request) -> web.StreamResponse:
    """`GET /phone/board`; as a fragment, what is on it just now."""
    async with request.config_dict[DATABASE].read() as session:
        board = await read(request, session)
        if is_fragment(request):
            names = await load_names(session)
            return render(request, "phone/board_numbers.html", names=names, **_shown(board))
        around = await shell.load_shell(request, session)
    return render(request, "phone/board.html", **_shown(board), **shell.shown(around))


async def wall(request: web.Request) -> web.StreamResponse:
    """`GET /phone/wallboard`: nothing on it is to be touched."""
    async with request.config_dict[DATABASE].read() as session:
        board = await read(request, session)
        names = await load_names(session)
    template = "phone/wall_numbers.html" if is_fragment(request) else "phone/wallboard.html"
    return render(request, template, names=names, **_shown(board))


def _shown(board: Board) -> dict[str, Any]:
    counts = dict.fromkeys(words.STATES, 0)
    for one in board.operators:
        counts[one.state] = counts.get(one.state, 0) + 1
    waited = 0.0 if board.longest_since is None else words.since(board.longest_since, board.now)
    return {
        "board": board,
        "say": words,
        "chart": drawn(board.hours),
        "size": (WIDTH, HEIGHT, LABELS),
        "counts": counts,
        "alarm": _alarm(waited, board.service_seconds),
    }


def _alarm(waited: float, target: int) -> str:
    """How bad the longest wait is: "fine", "warn" over the target, "bad" over three times that."""
    if waited <= target:
        return "fine"
    return "warn" if waited <= 3 * target else "bad"


PAGES = (
    Page(path="/phone/board", handler=page, role=Role.SUPERVISOR),
    Page(path="/phone/wallboard", handler=wall, role=Role.SUPERVISOR),
)
