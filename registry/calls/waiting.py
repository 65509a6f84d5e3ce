"""Waiting for a person: the queue, what is told in it, and what can be chosen instead."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from registry.calls.here import Here, asked_again, change_language
from registry.calls.script import LeaveQueue, Queue, TakeMessage
from registry.calls.steps import (
    CALL_BACK_KEY,
    CHANGE_KEY,
    CLOSED,
    MESSAGE,
    MESSAGE_KEY,
    OFFER,
    PARTED,
    TEXT_KEY,
    WAIT,
)
from registry.calls.turns import EntersQueue, Facts, Turn, WantsCallBack, WantsText
from registry.office_shapes import Telephone

QUEUE = "callers"
"""The provider has one queue, in which everybody stands: we choose who is next."""

POSITIONS = 10
"""Up to which place there is a line of its own."""
ESTIMATES = (1, 2, 3, 5, 10, 15, 20, 30)
"""Minutes for which there is a line of its own; above them it is "more"."""


def enter_queue(here: Here, *said: str) -> Turn:
    """Into the provider's queue; their place in ours is by since when they wait."""
    entering = here.without("tries", "then", "told_at", "limit_from").having(EntersQueue())
    return entering.saying(*said).turn(Queue(name=QUEUE), step=WAIT, state="waiting")


def enter_again(here: Here, *said: str) -> Turn:
    """Into it once more, with the place that they have."""
    entering = here.without("tries", "then", "told_at", "limit_from")
    return entering.saying(*said).turn(Queue(name=QUEUE), step=WAIT)


def is_time_to_tell(kept: Mapping[str, Any], telephone: Telephone, *, now: datetime) -> bool:
    """Whether whoever waits is to hear their place again, by what `Call.facts` keeps."""
    told = _moment(kept, "told_at")
    return told is None or now - told >= timedelta(seconds=telephone.tell_every_seconds)


def keep_waiting(here: Here) -> Turn:
    """What is heard in the queue: their place now and then, music in between, keys all along."""
    office = here.office
    now = office.now.isoformat()
    begun = _moment(here.kept, "limit_from")
    waits = here.without("tries", "then").keeping(limit_from=(begun or office.now).isoformat())
    limit = timedelta(seconds=office.telephone.wait_limit_seconds)
    prompts: tuple[str, ...] = ()
    # Nobody is sent away whose call an operator is about to take.
    if begun is not None and office.now - begun >= limit and here.call.state == "waiting":
        prompts = ("limit_menu", *options(here))
        waits = waits.keeping(limit_from=now, told_at=now)
    elif is_time_to_tell(here.kept, office.telephone, now=office.now):
        prompts = (*_place(office), "wait_menu", *options(here))
        waits = waits.keeping(told_at=now)
    return waits.ask(WAIT, *prompts, "music", seconds=1)


def offer(here: Here) -> Turn:
    """The choice outside of the queue."""
    return here.ask(OFFER, "limit_menu", *options(here))


def options(here: Here) -> tuple[str, ...]:
    """What can be chosen instead of waiting, where it can be done."""
    reachable = bool(here.call.number)
    call_back = "option_call_back" if here.office.open else "option_call_back_later"
    return (
        *((call_back,) if reachable else ()),
        "option_message",
        *(("option_text",) if reachable and here.office.texts else ()),
    )


def chosen(here: Here, digits: str, *, step: str) -> Turn | None:
    """What comes of a key of the options; None for one that is none of them."""
    if digits == CHANGE_KEY:
        return change_language(here, step)
    if digits == MESSAGE_KEY:
        return take_message(here)
    if digits == CALL_BACK_KEY:
        return _call_back(here, step)
    if digits == TEXT_KEY:
        return _send_links(here, step)
    return None


def take_message(here: Here) -> Turn:
    """The voicemail; out of the queue first, where they are in it."""
    if here.in_queue:
        return here.turn(LeaveQueue(), step=MESSAGE, state="message")
    return beep(here)


def beep(here: Here) -> Turn:
    """Take down what they say."""
    taken = TakeMessage(seconds=here.office.telephone.message_seconds)
    return here.saying("message_beep").turn(taken, step=MESSAGE, state="message")


def _call_back(here: Here, step: str) -> Turn | None:
    if not here.call.number:
        return _impossible(here.saying("call_back_no_number"), step)
    keeps_place = step != CLOSED
    wanted = here.having(WantsCallBack(keeps_place=keeps_place)).keeping(left="call_back")
    last = "call_back_promised" if keeps_place else "call_back_at_opening"
    if wanted.in_queue:
        return wanted.keeping(last=last).turn(LeaveQueue(), step=PARTED, state="parted")
    return wanted.part(last)


def _send_links(here: Here, step: str) -> Turn | None:
    """Once a call. Whoever waits goes on waiting."""
    if not (here.office.texts and here.call.number):
        return _impossible(here.saying("text_impossible"), step)
    if "texted" not in here.kept:
        here = here.having(WantsText()).keeping(texted=True)
    return keep_waiting(here.saying("text_sent")) if step == WAIT else here.part("text_sent")


def _impossible(here: Here, step: str) -> Turn | None:
    return keep_waiting(here) if step == WAIT else asked_again(here, step, *options(here))


def _place(office: Facts) -> tuple[str, ...]:
    """Their place in the queue, and how long it may take."""
    if not office.agents_on:
        return ("nobody_there",)
    place = office.ahead + 1
    position = f"position_{place}" if place <= POSITIONS else "position_many"
    if office.estimate is None:
        return (position,)
    return position, estimate_prompt(office.estimate)


def estimate_prompt(seconds: float) -> str:
    """The line that promises no less than this."""
    minutes = next((one for one in ESTIMATES if seconds <= one * 60), None)
    return "estimate_more" if minutes is None else f"estimate_{minutes}"


def _moment(kept: Mapping[str, Any], name: str) -> datetime | None:
    at = kept.get(name)
    return datetime.fromisoformat(at) if isinstance(at, str) else None
