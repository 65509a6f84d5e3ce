"""A caller's path: from what happened to a call, to what is heard next and what comes of it.

Pure and total: whatever comes at whatever step has an answer. A call's steps, as the provider
carries them back:

- `start`: nothing has been said yet.
- `language`: 1 қазақша, 2 русский, 3 English; left out where the number's last call tells.
- `announcement`: what is known already; whoever hangs up here is informed, any key goes on.
- `closed`: after hours. 1 call-back at the next opening, 2 voicemail, 3 links by SMS.
- `menu`: a key for a team.
- `notice`: the conversation is recorded; 0 goes on without it.
- `wait`: in the queue, or on the way into it. 1 call-back that keeps the place, 2 voicemail,
  3 links by SMS; music in between.
- `offer`: the same choice outside of the queue, which could not take the call.
- `hello`: a citizen whom we call has picked up.
- `room`: where they talk with a person. `talked`: they have left it.
- `message`: the voicemail. `parted`: nothing more is asked.

"*" changes the language at every question, as often as `MOST_CHANGES`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias, assert_never

from msgspec import Struct
from msgspec.structs import replace

from registry.calls.hearing import Arrived, LeftMessage, LeftQueue, Pressed, Rang, Waits
from registry.calls.script import (
    Ask,
    HangUp,
    LeaveQueue,
    Line,
    Queue,
    Script,
    TakeMessage,
    Talk,
    Verb,
)
from registry.calls.tables import Call
from registry.office_shapes import Announcement, Telephone

START = "start"
LANGUAGE = "language"
ANNOUNCEMENT = "announcement"
CLOSED = "closed"
MENU = "menu"
NOTICE = "notice"
WAIT = "wait"
OFFER = "offer"
HELLO = "hello"
ROOM = "room"
TALKED = "talked"
MESSAGE = "message"
PARTED = "parted"

LANGUAGES = {"1": "kk", "2": "ru", "3": "en"}
"""By the key."""

CALL_BACK_KEY, MESSAGE_KEY, TEXT_KEY = "1", "2", "3"
REFUSE_KEY = "0"
CHANGE_KEY = "*"

MOST_TRIES = 3
"""How often a question is asked before it is answered for the caller."""
MOST_CHANGES = 3
"""How often "*" asks for the language; after that it is a wrong key."""

POSITIONS = 10
"""Up to which place there is a line of its own."""
ESTIMATES = (1, 2, 3, 5, 10, 15, 20, 30)
"""Minutes for which there is a line of its own; above them it is "more"."""

QUEUE = "callers"
"""The provider's queue is one: we choose who is next."""


class Facts(Struct, frozen=True, kw_only=True):
    """What the path depends on besides the call."""

    open: bool
    """Whether the contact centre was open when the call's first delivery was received."""
    telephone: Telephone
    announcement: Announcement | None
    """None unless it is in force."""
    remembered: str | None
    """The language of the number's last call."""
    ahead: int
    """How many are served before them."""
    estimate: float | None
    """Seconds until a person is there; None where nobody can tell (see registry.calls.estimate)."""
    agents_on: int
    """Operators who take calls: available, busy or writing things down."""
    urgent: bool
    """The number has an open appeal that is urgent."""
    blocked: bool
    """The contact is blocked."""
    texts: bool
    """An SMS of ours can reach the number (see registry.calls.texting)."""
    now: datetime


class EntersQueue(Struct, frozen=True):
    """They wait for a person from now on, or since their call-back's place."""


class WantsCallBack(Struct, frozen=True, kw_only=True):
    """They are to be called."""

    keeps_place: bool
    """They hold their place in the queue; otherwise it is for the next opening."""


class WantsText(Struct, frozen=True):
    """They are sent the links by SMS."""


class LeftVoice(Struct, frozen=True, kw_only=True):
    """They left a voicemail."""

    recording: str
    seconds: float


class ConsentsToRecord(Struct, frozen=True, kw_only=True):
    """They heard the notice."""

    consents: bool


Effect: TypeAlias = EntersQueue | WantsCallBack | WantsText | LeftVoice | ConsentsToRecord


class Turn(Struct, frozen=True, kw_only=True):
    """What is heard next and what changes in the call. None: stays as it is."""

    script: Script
    state: str | None = None
    step: str | None = None
    facts: dict[str, Any] | None = None
    """`Call.facts` as a whole."""
    language: str | None = None
    team: str | None = None
    effects: tuple[Effect, ...] = ()


ToFollow: TypeAlias = Rang | Pressed | Waits | Arrived | LeftQueue | LeftMessage
"""What moves a caller along their path."""


def follow(call: Call, heard: ToFollow, facts: Facts) -> Turn:
    """What a citizen hears next. What came twice, or too late, changes nothing more."""
    here = _Here(call=call, office=facts, language=call.language, kept=dict(call.facts))
    if call.state == "ended":
        return _too_late(here, heard)
    match heard:
        case Rang():
            return _begin(here) if call.step == START else _again(here)
        case Pressed():
            if heard.step == call.step and heard.step in _ANSWERS:
                return _ANSWERS[heard.step](here, heard.digits)
            return _again(here)
        case Waits():
            return _again(here)
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


# --- Where the caller is --------------------------------------------------------------------------


class _Here(Struct, frozen=True, kw_only=True):
    """A call on its path, with what this turn has changed so far."""

    call: Call
    office: Facts
    language: str | None
    kept: Mapping[str, Any]
    said: tuple[Line, ...] = ()
    """What is said before the next question."""
    team: str | None = None
    effects: tuple[Effect, ...] = ()

    @property
    def speaks(self) -> str:
        """The language to speak with them."""
        return self.language or self.office.remembered or self.office.telephone.language

    @property
    def in_queue(self) -> bool:
        """The provider's queue has them; a call of ours that rings at a citizen is in none."""
        asked_there = self.call.step == WAIT or self.kept.get("then") == WAIT
        return asked_there and self.call.state in {"waiting", "ringing"}

    def line(self, prompt: str) -> Line:
        return Line(prompt, self.speaks)

    def saying(self, *prompts: str) -> "_Here":
        return replace(self, said=(*self.said, *map(self.line, prompts)))

    def keeping(self, **kept: Any) -> "_Here":
        return replace(self, kept={**self.kept, **kept})

    def without(self, *names: str) -> "_Here":
        return replace(self, kept={k: v for k, v in self.kept.items() if k not in names})

    def having(self, effect: Effect) -> "_Here":
        return replace(self, effects=(*self.effects, effect))

    def turn(self, *script: Verb, step: str, state: str | None = None) -> Turn:
        """Say what is to be said, and go on with the script."""
        changed = self.language != self.call.language
        return Turn(
            script=(*self.said, *script),
            state=state,
            step=step,
            facts=dict(self.kept),
            language=self.language if changed else None,
            team=self.team,
            effects=self.effects,
        )

    def ask(self, step: str, *prompts: str, seconds: int = 5) -> Turn:
        """Ask; what is said before can be cut short by a key as well."""
        sounds = (*self.said, *map(self.line, prompts))
        asked = Ask(step=step, sounds=sounds, seconds=seconds)
        state = None if self.in_queue or self.call.direction == "out" else "menu"
        return replace(self, said=()).turn(asked, step=step, state=state)

    def part(self, *prompts: str) -> Turn:
        """Say a last thing."""
        return self.saying(*prompts, "goodbye").turn(HangUp(), step=PARTED, state="parted")


# --- Before somebody waits ------------------------------------------------------------------------


def _begin(here: _Here) -> Turn:
    if here.office.blocked:
        return replace(here.keeping(left="refused"), said=()).part("blocked")
    if here.office.remembered is None:
        return _ask_language(here)
    known = replace(here, language=here.office.remembered)
    return _go_on(known.saying("welcome_back"), START)


def _go_on(here: _Here, after: str) -> Turn:
    """The next step that has something to ask."""
    fresh = here.without("tries", "then")
    for step in _PATH[_PATH.index(after) + 1 :]:
        turn = _ENTER[step](fresh)
        if turn is not None:
            return turn
    return _enter_queue(fresh)


def _ask_language(here: _Here) -> Turn:
    """In all three at once: nobody is spoken to in a language that they did not choose."""
    sounds = tuple(
        Line(prompt, language)
        for language in LANGUAGES.values()
        for prompt in (("language",) if "then" in here.kept else ("welcome", "language"))
    )
    return replace(here, said=(*here.said, *sounds)).ask(LANGUAGE)


def _announce(here: _Here) -> Turn | None:
    if here.office.announcement is None:
        return None
    return here.ask(ANNOUNCEMENT, "announcement", "announcement_end", seconds=2)


def _say_closed(here: _Here) -> Turn | None:
    return None if here.office.open else here.ask(CLOSED, "closed", "closed_menu", *_options(here))


def _ask_menu(here: _Here) -> Turn | None:
    return here.ask(MENU, "menu") if here.office.telephone.menu else None


def _give_notice(here: _Here) -> Turn | None:
    if not here.office.telephone.record:
        return None
    return here.ask(NOTICE, "record_notice", "record_refuse_hint", seconds=3)


_PATH = (START, ANNOUNCEMENT, CLOSED, MENU, NOTICE)
_ENTER: dict[str, Callable[[_Here], Turn | None]] = {
    ANNOUNCEMENT: _announce,
    CLOSED: _say_closed,
    MENU: _ask_menu,
    NOTICE: _give_notice,
}


def _options(here: _Here) -> tuple[str, ...]:
    """What can be chosen instead of waiting, where it can be done."""
    reachable = bool(here.call.number)
    return (
        *(("option_call_back",) if reachable else ()),
        "option_message",
        *(("option_text",) if reachable and here.office.texts else ()),
    )


# --- Answers --------------------------------------------------------------------------------------


def _answer_language(here: _Here, digits: str) -> Turn:
    chosen = LANGUAGES.get(digits)
    if chosen is None and (again := _once_more(here)) is not None:
        return _ask_language(again)
    then = here.kept.get("then")
    known = replace(here, language=chosen or here.speaks).without("tries", "then")
    if known.in_queue:
        return _keep_waiting(known)
    if then == OFFER:
        return _offer(known)
    if then == NOTICE and known.call.direction == "out":
        return _give_notice(known) or _into_room(known)
    return _go_on(known, _PATH[_PATH.index(then) - 1] if then in _PATH[1:] else START)


def _answer_announcement(here: _Here, digits: str) -> Turn:
    if digits == CHANGE_KEY and (changed := _change_language(here, ANNOUNCEMENT)) is not None:
        return changed
    return _go_on(here, ANNOUNCEMENT)


def _answer_closed(here: _Here, digits: str) -> Turn:
    return (
        _chosen(here, digits, step=CLOSED)
        or _asked_again(here, CLOSED, "closed_menu", *_options(here))
        or _take_message(here)
    )


def _answer_offer(here: _Here, digits: str) -> Turn:
    return (
        _chosen(here, digits, step=OFFER)
        or _asked_again(here, OFFER, "limit_menu", *_options(here))
        or _take_message(here)
    )


def _answer_menu(here: _Here, digits: str) -> Turn:
    for item in here.office.telephone.menu:
        if item.digit == digits:
            return _go_on(replace(here, team=item.team), MENU)
    if digits == CHANGE_KEY and (changed := _change_language(here, MENU)) is not None:
        return changed
    # Whoever has no keys, or finds none that fits, is anybody's.
    return _asked_again(here, MENU, "menu") or _go_on(here, MENU)


def _answer_notice(here: _Here, digits: str) -> Turn:
    if digits == CHANGE_KEY and (changed := _change_language(here, NOTICE)) is not None:
        return changed
    refused = digits == REFUSE_KEY
    if digits and not refused:
        # Another key cut the notice short: whoever has not heard it has not consented.
        again = _once_more(here)
        if again is not None and (notice := _give_notice(again)) is not None:
            return notice
    decided = here.having(ConsentsToRecord(consents=not digits))
    return _into_room(decided) if here.call.direction == "out" else _go_on(decided, NOTICE)


def _answer_wait(here: _Here, digits: str) -> Turn:
    if not here.in_queue:
        return _again(here)
    return _chosen(here, digits, step=WAIT) or _keep_waiting(here)


_ANSWERS: dict[str, Callable[[_Here, str], Turn]] = {
    LANGUAGE: _answer_language,
    ANNOUNCEMENT: _answer_announcement,
    CLOSED: _answer_closed,
    OFFER: _answer_offer,
    MENU: _answer_menu,
    NOTICE: _answer_notice,
    WAIT: _answer_wait,
}


def _chosen(here: _Here, digits: str, *, step: str) -> Turn | None:
    """What comes of a key of the options; None for one that is none of them."""
    if digits == CHANGE_KEY:
        return _change_language(here, step)
    if digits == MESSAGE_KEY:
        return _take_message(here)
    if digits == CALL_BACK_KEY and not here.call.number:
        said = here.saying("call_back_no_number")
        return _keep_waiting(said) if step == WAIT else _asked_again(said, step, *_options(said))
    if digits == CALL_BACK_KEY:
        return _promise(here, keeps_place=step != CLOSED)
    if digits == TEXT_KEY:
        return _send_links(here, step=step)
    return None


def _promise(here: _Here, *, keeps_place: bool) -> Turn:
    wanted = here.having(WantsCallBack(keeps_place=keeps_place)).keeping(left="call_back")
    return _leave(wanted, "call_back_promised" if keeps_place else "call_back_at_opening")


def _send_links(here: _Here, *, step: str) -> Turn | None:
    """Once a call: whoever waits goes on waiting."""
    if not (here.office.texts and here.call.number):
        said = here.saying("text_impossible")
        return _keep_waiting(said) if step == WAIT else _asked_again(said, step, *_options(said))
    if "texted" not in here.kept:
        here = here.having(WantsText()).keeping(texted=True)
    return _keep_waiting(here.saying("text_sent")) if step == WAIT else here.part("text_sent")


def _take_message(here: _Here) -> Turn:
    left = here.keeping(left="message")
    if here.in_queue:
        return left.turn(LeaveQueue(), step=MESSAGE, state="message")
    return _beep(left)


def _beep(here: _Here) -> Turn:
    taken = TakeMessage(seconds=here.office.telephone.message_seconds)
    return here.saying("message_beep").turn(taken, step=MESSAGE, state="message")


def _leave(here: _Here, prompt: str) -> Turn:
    """Say a last thing; out of the queue first, where they are in it."""
    if here.in_queue:
        return here.keeping(last=prompt).turn(LeaveQueue(), step=PARTED, state="parted")
    return here.part(prompt)


def _asked_again(here: _Here, step: str, *prompts: str) -> Turn | None:
    again = _once_more(here)
    return None if again is None else again.ask(step, *prompts)


def _once_more(here: _Here) -> _Here | None:
    """The same with a try less; None where there is none left."""
    tries = int(here.kept.get("tries", 1))
    return None if tries >= MOST_TRIES else here.keeping(tries=tries + 1)


def _change_language(here: _Here, step: str) -> Turn | None:
    changes = int(here.kept.get("changes", 0))
    if changes >= MOST_CHANGES:
        return None
    return _ask_language(here.without("tries").keeping(changes=changes + 1, then=step))


# --- Waiting --------------------------------------------------------------------------------------


def _enter_queue(here: _Here) -> Turn:
    entering = here.having(EntersQueue()).without("told_at", "limit_from")
    return entering.saying("please_wait").turn(Queue(name=QUEUE), step=WAIT, state="waiting")


def _keep_waiting(here: _Here) -> Turn:
    """What is heard in the queue until the next question about it: music, with keys all along."""
    office, now = here.office, here.office.now
    begun = _moment(here, "limit_from") or now
    told = _moment(here, "told_at")
    waits = here.keeping(limit_from=begun.isoformat())
    over = now - begun >= timedelta(seconds=office.telephone.wait_limit_seconds)
    prompts: tuple[str, ...] = ()
    if over and here.call.state == "waiting":
        prompts = ("limit_menu", *_options(here))
        waits = waits.keeping(limit_from=now.isoformat(), told_at=now.isoformat())
    elif told is None or now - told >= timedelta(seconds=office.telephone.tell_every_seconds):
        prompts = (*_place(office), "wait_menu", *_options(here))
        waits = waits.keeping(told_at=now.isoformat())
    return waits.ask(WAIT, *prompts, "music", seconds=1)


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


def _offer(here: _Here) -> Turn:
    """The queue cannot take them."""
    return here.ask(OFFER, "limit_menu", *_options(here))


def _left_queue(here: _Here, heard: LeftQueue) -> Turn:
    if heard.moved:
        return Turn(script=())
    if here.call.step == MESSAGE:
        return _beep(here)
    if here.call.state == "parted":
        return _say_last(here)
    if heard.failed and here.in_queue:
        return replace(_offer(here), state="menu")
    return Turn(script=(HangUp(),))


def _moment(here: _Here, name: str) -> datetime | None:
    kept = here.kept.get(name)
    return datetime.fromisoformat(kept) if isinstance(kept, str) else None


# --- With a person, and after ---------------------------------------------------------------------


def _arrived(here: _Here, step: str) -> Turn:
    if step == HELLO:
        return _greet(here)
    if step == ROOM and here.call.state == "talking":
        return _into_room(here)
    if here.call.state in {"waiting", "ringing"}:
        # Back in the queue, with the place that the call has: transferred, or nobody was there.
        said = {TALKED: "transferred", ROOM: "nobody_there"}.get(step, "please_wait")
        return here.saying(said).turn(Queue(name=QUEUE), step=WAIT)
    if step == TALKED:
        return here.part()
    return _again(here)


def _greet(here: _Here) -> Turn:
    """Of a citizen who picked up: they hear who calls, and that it is recorded before it is."""
    hello = here.saying("call_back_hello")
    return _give_notice(hello) or _into_room(hello)


def _into_room(here: _Here) -> Turn:
    consents = [one.consents for one in here.effects if isinstance(one, ConsentsToRecord)]
    talk = Talk(
        room=room_of(here.call.id),
        step=TALKED,
        ends_room=True,
        recorded=consents[-1] if consents else here.call.record,
    )
    return here.without("tries", "then").turn(talk, step=ROOM, state="talking")


def _left_message(here: _Here, heard: LeftMessage) -> Turn:
    if not heard.recording:
        return here.without("left").part()
    voice = LeftVoice(recording=heard.recording, seconds=heard.seconds)
    return here.having(voice).keeping(left="message").part("message_thanks")


def _say_last(here: _Here) -> Turn:
    last = here.kept.get("last")
    return here.part(*([last] if isinstance(last, str) else []))


def _too_late(here: _Here, heard: ToFollow) -> Turn:
    """The call is over; a voicemail is one all the same."""
    if isinstance(heard, LeftMessage) and heard.recording:
        voice = LeftVoice(recording=heard.recording, seconds=heard.seconds)
        return Turn(script=(HangUp(),), effects=(voice,))
    return Turn(script=(HangUp(),))


def _again(here: _Here) -> Turn:
    """What the call would hear where it is."""
    call = here.call
    if call.state == "talking":
        return _into_room(here)
    if call.state == "parted":
        return _say_last(here)
    if call.state == "message":
        return _beep(here)
    if here.in_queue:
        return _keep_waiting(here)
    if call.step == LANGUAGE:
        return _ask_language(here)
    if call.step == OFFER:
        return _offer(here)
    enter = _ENTER.get(call.step)
    return (enter and enter(here)) or _begin(here)
