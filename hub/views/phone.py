"""The call card: who is on the line, what of theirs is open, and what is written down of it."""

from datetime import timedelta
from typing import Any

from aiohttp import web

from hub.api.exchange import id_of
from hub.api.keys import PRINCIPAL
from hub.keys import DATABASE
from hub.problems import Problem
from hub.views.call_lines import ENDS, OUTCOMES
from hub.views.names import load_names
from hub.views.phone_words import LANGUAGES
from hub.web.pages import Page, render
from registry.calls.caller_card import get_caller_card
from registry.calls.jotting import jotted
from registry.calls.seeing import CallShown, get_call
from registry.errors import NotFound
from registry.operators import Role


async def card(request: web.Request) -> web.StreamResponse:
    """`GET /phone/calls/{id}`: the card of a call, to stand beside the thread."""
    principal = request[PRINCIPAL]
    try:
        call_id = id_of(request, "call")
        async with request.config_dict[DATABASE].read() as session:
            call = await get_call(session, call_id, by=principal)
            caller = await get_caller_card(session, call_id, by=principal)
            assert principal.operator_id is not None  # pages are for those who have signed in
            note = await jotted(session, call_id, principal.operator_id)
            names = await load_names(session)
    except (NotFound, Problem):
        return render(request, "error_fragment.html", status=404)
    return render(
        request, "phone/card.html", call=call, caller=caller, note=note, names=names,
        outcomes=OUTCOMES, spoken=LANGUAGES, **called(),
    )  # fmt: skip


def called() -> dict[str, Any]:
    """What templates need to draw a call."""
    return {"ended": ENDS, "call_outcomes": OUTCOMES, "clock": clock, "sign_of": sign_of}


def clock(seconds: float | timedelta | None) -> str:
    """A length as a telephone shows it: "4:05", "1:02:30"."""
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    minutes, rest = divmod(round(seconds or 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def sign_of(call: CallShown) -> str:
    """The sprite's name for how a call went."""
    if call.ended_as is None:
        return "phone-call"
    if call.direction == "out":
        return "phone-outgoing" if call.ended_as == "answered" else "phone-x"
    return "phone-incoming" if call.ended_as == "answered" else "phone-off"


# icon("phone-call") icon("phone-outgoing") icon("phone-x") icon("phone-incoming")
# icon("phone-off"): for the sprite, which holds what is named so.

PAGES = (Page(path="/phone/calls/{id}", handler=card, role=Role.OPERATOR),)
