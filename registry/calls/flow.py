"""A caller's path: from what happened to a call, to what is heard next and what comes of it.

Pure and total: whatever comes at whatever step (see registry.calls.steps) has an answer. A question
that is not answered is asked again, and then answered for the caller: so every path ends in the
queue, with a voicemail, a call-back, an SMS or a goodbye.

What came twice finds the call at another step: it is told again what is heard there.
"""

from collections.abc import Callable
from typing import TypeAlias, assert_never

from msgspec.structs import replace

from registry.calls.hearing import Arrived, LeftMessage, LeftQueue, Pressed, Rang, Waits
from registry.calls.here import Here, ask_language, asked_again, change_language, once_more
from registry.calls.script import HangUp, LeaveQueue, Talk
from registry.calls.steps import (
    ANNOUNCEMENT,
    CHANGE_KEY,
    CLOSED,
    HELLO,
    LANGUAGE,
    LANGUAGE_KEYS,
    MENU,
    NOTICE,
    OFFER,
    REFUSE_KEY,
    ROOM,
    START,
    TALKED,
    WAIT,
)
from registry.calls.tables import Call
from registry.calls.turns import (
    ConsentsToRecord,
    Effect,
    EntersQueue,
    Facts,
    LeftVoice,
    Turn,
    WantsCallBack,
    WantsText,
)
from registry.calls.waiting import (
    beep,
    chosen,
    enter_again,
    enter_queue,
    keep_waiting,
    offer,
    options,
    take_message,
)

__all__ = [
    "ConsentsToRecord",
    "Effect",
    "EntersQueue",
    "Facts",
    "LeftVoice",
    "ToFollow",
    "Turn",
    "WantsCallBack",
    "WantsText",
    "follow",
    "room_of",
]

ToFollow: TypeAlias = Rang | Pressed | Waits | Arrived | LeftQueue | LeftMessage
"""What moves a citizen along their path."""


def follow(call: Call, heard: ToFollow, facts: Facts) -> Turn:
    """What a citizen hears next."""
    here = _here(call, facts)
    if call.state == "ended":
        return _too_late(here, heard)
    if _is_fetched(call) and isinstance(heard, Rang | Pressed | Waits):
        return Turn(script=here.ask(WAIT, "music", seconds=1).script)
    if call.state == "message" and _is_in_queue(heard):
        return Turn(script=(LeaveQueue(),))  # what they were told was lost
    match heard:
        case Rang():
            return _begin(here) if call.step == START else _again(here)
        case Pressed():
            if heard.step == call.step and heard.step in _ANSWERS:
                return _ANSWERS[heard.step](here, heard.digits)
            return keep_waiting(here) if here.in_queue and heard.step == WAIT else _again(here)
        case Waits():
            return keep_waiting(here) if here.in_queue else _again(here)
        case Arrived():
            return _arrived(here, heard.step)
        case LeftQueue():
            return _left_queue(here, heard)
        case LeftMessage():
            return _left_message(here, heard)
        case _:
            assert_never(heard)


def room_of(call_id: int) -> str:
    """Where a call's people talk."""
    return f"call-{call_id}"


def after_room(call: Call) -> str:
    """The step at which the citizen arrives when they have left the room that they came to last.

    Each stay in a room has its own: what is told of one late, or twice, does not end the next.
    """
    return _after(int(call.facts.get("stay", 1)))


def _after(stay: int) -> str:
    return TALKED if stay == 1 else f"{TALKED}.{stay}"


def _is_fetched(call: Call) -> bool:
    """Whether somebody has taken their call, and they are on the way from the queue to the room."""
    was_in_queue = call.direction == "in" or call.answered_at is not None
    return call.state == "talking" and call.step != ROOM and was_in_queue


def _is_in_queue(heard: ToFollow) -> bool:
    """Whether it is heard from the provider's queue."""
    return isinstance(heard, Waits) or (isinstance(heard, Pressed) and heard.step == WAIT)


def _here(call: Call, facts: Facts) -> Here:
    # A call of ours is "ringing" as well, while no queue has it.
    changing = call.step == LANGUAGE and call.facts.get("then") == WAIT
    return Here(
        call=call,
        office=facts,
        in_queue=(call.step == WAIT or changing) and call.state in {"waiting", "ringing"},
        language=call.language,
        kept=dict(call.facts),
    )


# --- From step to step ----------------------------------------------------------------------------


def _begin(here: Here) -> Turn:
    if here.office.blocked:
        return here.keeping(left="refused").part("blocked")
    if here.office.remembered is None:
        return ask_language(here)
    return _go_on(replace(here, language=here.office.remembered).saying("welcome_back"), START)


def _go_on(here: Here, after: str) -> Turn:
    """The next step that has something to ask."""
    fresh = here.without("tries", "then")
    for step in _PATH[_PATH.index(after) + 1 :]:
        turn = _QUESTIONS[step](fresh)
        if turn is not None:
            return turn
    return enter_queue(fresh, "please_wait")


def _announce(here: Here) -> Turn | None:
    if here.office.announcement is None:
        return None
    return here.ask(ANNOUNCEMENT, "announcement", "announcement_end", seconds=2)


def _say_closed(here: Here) -> Turn | None:
    return None if here.office.open else here.ask(CLOSED, "closed", "closed_menu", *options(here))


def _ask_menu(here: Here) -> Turn | None:
    return here.ask(MENU, "menu") if here.office.telephone.menu else None


def _give_notice(here: Here) -> Turn | None:
    if not here.office.telephone.record:
        return None
    return here.ask(NOTICE, "record_notice", "record_refuse_hint", seconds=3)


_PATH = (START, ANNOUNCEMENT, CLOSED, MENU, NOTICE)
_QUESTIONS: dict[str, Callable[[Here], Turn | None]] = {
    ANNOUNCEMENT: _announce,
    CLOSED: _say_closed,
    MENU: _ask_menu,
    NOTICE: _give_notice,
}


# --- Answers --------------------------------------------------------------------------------------


def _answer_language(here: Here, digits: str) -> Turn:
    language, then = LANGUAGE_KEYS.get(digits), here.kept.get("then")
    # What everybody is to hear first is not kept from whoever presses nothing.
    hurried = then is None and here.office.announcement is not None
    if language is None and not hurried and (again := once_more(here)) is not None:
        return ask_language(again)
    known = replace(here, language=language or here.speaks).without("tries", "then")
    if here.in_queue:
        # Who waits before them, and for whom, is another matter in another language: told next.
        return known.without("told_at").ask(WAIT, seconds=1)
    if then == OFFER:
        return offer(known)
    if then == NOTICE and here.call.direction == "out":
        return _greet(known)
    return _go_on(known, _PATH[_PATH.index(then) - 1] if then in _QUESTIONS else START)


def _answer_announcement(here: Here, digits: str) -> Turn:
    if digits == CHANGE_KEY and (changed := change_language(here, ANNOUNCEMENT)) is not None:
        return changed
    return _go_on(here, ANNOUNCEMENT)


def _answer_closed(here: Here, digits: str) -> Turn:
    # Whoever has no keys can still speak.
    return (
        chosen(here, digits, step=CLOSED)
        or asked_again(here, CLOSED, "closed_menu", *options(here))
        or take_message(here)
    )


def _answer_offer(here: Here, digits: str) -> Turn:
    return (
        chosen(here, digits, step=OFFER)
        or asked_again(here, OFFER, "limit_menu", *options(here))
        or take_message(here)
    )


def _answer_menu(here: Here, digits: str) -> Turn:
    for item in here.office.telephone.menu:
        if item.digit == digits:
            return _go_on(replace(here, team=item.team), MENU)
    if digits == CHANGE_KEY and (changed := change_language(here, MENU)) is not None:
        return changed
    # Whoever has no keys, or finds none that fits, is anybody's.
    return asked_again(here, MENU, "menu") or _go_on(here, MENU)


def _answer_notice(here: Here, digits: str) -> Turn:
    if digits == CHANGE_KEY and (changed := change_language(here, NOTICE)) is not None:
        return changed
    if digits not in {"", REFUSE_KEY}:
        # Another key cut the notice short: whoever has not heard it has not consented.
        again = once_more(here)
        if again is not None and (notice := _give_notice(again)) is not None:
            return notice
    decided = here.having(ConsentsToRecord(consents=not digits))
    return _into_room(decided) if here.call.direction == "out" else _go_on(decided, NOTICE)


def _answer_wait(here: Here, digits: str) -> Turn:
    if not here.in_queue:
        return _again(here)
    return chosen(here, digits, step=WAIT) or keep_waiting(here)


_ANSWERS: dict[str, Callable[[Here, str], Turn]] = {
    LANGUAGE: _answer_language,
    ANNOUNCEMENT: _answer_announcement,
    CLOSED: _answer_closed,
    OFFER: _answer_offer,
    MENU: _answer_menu,
    NOTICE: _answer_notice,
    WAIT: _answer_wait,
}


# --- In the queue, with a person, and after -------------------------------------------------------


def _arrived(here: Here, step: str) -> Turn:
    call = here.call
    if step == HELLO and call.state != "parted":
        return _greet(here)
    if step == ROOM and call.state == "talking":
        return _into_room(here)
    if call.state in {"waiting", "ringing"}:
        # They were moved: to the room, where nobody was, or away from it, to another team.
        said = "please_wait" if step == ROOM else "transferred"
        return enter_again(here, said if call.step in {ROOM, TALKED} else "please_wait")
    if call.state == "talking" and step.startswith(TALKED) and call.step != ROOM:
        return enter_again(here, "transferred")  # somebody else is there for them already
    if call.state == "talking" and step == after_room(call):
        return here.part()
    return _again(here)


def _greet(here: Here) -> Turn:
    """A citizen who picked up hears who calls, and that it is recorded before it is."""
    hello = here.without("tries", "then").saying("call_back_hello")
    return _give_notice(hello) or _into_room(hello)


def _into_room(here: Here) -> Turn:
    stay = int(here.kept.get("stay", 0))
    if not (here.call.state == "talking" and here.call.step == ROOM):
        stay += 1
    talk = Talk(
        room=room_of(here.call.id), step=_after(stay), ends_room=True, recorded=here.recorded
    )
    return here.without("tries", "then").keeping(stay=stay).turn(talk, step=ROOM, state="talking")


def _left_queue(here: Here, heard: LeftQueue) -> Turn:
    if heard.moved:
        return Turn(script=())  # they are where they were moved to
    if here.call.state in {"message", "parted"}:
        return _again(here)
    if heard.failed and here.in_queue:
        return replace(offer(here), state="menu")
    return Turn(script=(HangUp(),))  # they hung up: it is said to nobody


def _left_message(here: Here, heard: LeftMessage) -> Turn:
    if not heard.recording:
        return here.part()
    return _with_voice(here, heard).part("message_thanks")


def _too_late(here: Here, heard: ToFollow) -> Turn:
    """The call is over; what was recorded is a voicemail all the same."""
    if isinstance(heard, LeftMessage) and heard.recording:
        here = _with_voice(here, heard)
    return Turn(script=(HangUp(),), facts=dict(here.kept), effects=here.effects)


def _with_voice(here: Here, heard: LeftMessage) -> Here:
    if here.kept.get("left") == "message":
        return here  # told already
    voice = LeftVoice(recording=heard.recording, seconds=heard.seconds)
    return here.having(voice).keeping(left="message", voice=heard.recording)


def _again(here: Here) -> Turn:
    """What the call would hear where it is."""
    call = here.call
    if call.state == "talking" and call.step == ROOM:
        return _into_room(here)
    if call.state == "parted":
        last = here.kept.get("last")
        return here.part(*([last] if isinstance(last, str) else []))
    if call.state == "message":
        return beep(here)
    if call.state in {"waiting", "ringing"} and call.direction == "in":
        return enter_again(here, "please_wait")
    if call.step == LANGUAGE:
        return ask_language(here)
    if call.step == OFFER:
        return offer(here)
    if call.direction == "out":
        return _greet(here)
    question = _QUESTIONS.get(call.step)
    return (question and question(here)) or _begin(here)
