"""A caller's path: what is heard at each step, and that it always leads somewhere."""

from datetime import UTC, date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.calls.flow import (
    ConsentsToRecord,
    EntersQueue,
    LeftVoice,
    WantsCallBack,
    WantsText,
    follow,
)
from registry.calls.hearing import Arrived, LeftMessage, LeftQueue, Pressed, Rang, Waits
from registry.calls.prompt_words import ANNOUNCEMENT as OF_THE_OFFICE
from registry.calls.prompt_words import MUSIC, prompt_words
from registry.calls.script import (
    Ask,
    HangUp,
    LeaveQueue,
    Queue,
    TakeMessage,
    Talk,
)
from registry.calls.steps import (
    ANNOUNCEMENT,
    CLOSED,
    HELLO,
    LANGUAGE,
    MENU,
    MESSAGE,
    NOTICE,
    OFFER,
    PARTED,
    ROOM,
    START,
    TALKED,
    WAIT,
)
from registry.calls.tables import Call
from registry.calls.waiting import estimate_prompt
from registry.office_calendar import Calendar, DayKind, Hours, SpecialDay, is_open
from registry.office_shapes import Announcement, MenuItem
from tests.registry.calls.paths import Caller, facts, telephone
from tests.registry.offices import ALMATY, almaty
from tests.registry.samples import START as NOW

MENU_OF_TWO = (MenuItem(digit="1", team="roads"), MenuItem(digit="2", team="water"))
OUTAGE = Announcement(
    on=True, until=None, texts={"ru": "Нет воды на Абая.", "kk": "Абайда су жоқ."}
)


# --- The language ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "language"), [("1", "kk"), ("2", "ru"), ("3", "en")])
def test_an_unknown_caller_chooses_a_language_and_is_spoken_to_in_it(
    key: str, language: str
) -> None:
    caller = Caller().rings()
    assert caller.prompts == ["welcome", "language"] * 3
    assert caller.languages == {"kk", "ru", "en"}
    caller.presses(key)
    assert caller.call.language == language
    assert caller.languages == {language}


def test_a_number_that_called_before_is_spoken_to_in_its_language_at_once() -> None:
    caller = Caller(remembered="en").rings()
    assert caller.prompts == ["welcome_back", "please_wait"]
    assert caller.call.language == "en"


def test_whoever_chooses_no_language_is_asked_three_times_and_gets_the_usual_one() -> None:
    caller = Caller().rings().presses("").presses("7")
    assert caller.asked.step == LANGUAGE
    caller.presses("")
    assert caller.call.language == "kk"
    assert isinstance(caller.heard[-1], Queue)


def test_a_star_changes_the_language_and_comes_back_to_the_question() -> None:
    caller = Caller(remembered="ru", telephone=telephone(menu=MENU_OF_TWO)).rings().presses("*")
    assert caller.asked.step == LANGUAGE
    caller.presses("1")
    assert caller.asked.step == MENU
    assert caller.languages == {"kk"}


def test_a_star_changes_the_language_in_the_queue_and_the_place_is_kept() -> None:
    caller = Caller(remembered="ru").rings().goes_on().presses("*")
    assert (caller.asked.step, caller.call.state) == (LANGUAGE, "waiting")
    caller.effects.clear()
    caller.presses("3")
    assert (caller.asked.step, caller.call.state, caller.call.language) == (WAIT, "waiting", "en")
    assert caller.presses("").prompts[0] == "position_1"
    assert caller.languages == {"en"}
    assert caller.effects == []


# --- Hours ----------------------------------------------------------------------------------------

DELIVERED = Calendar(zone=ALMATY)
HOLIDAY = Calendar(
    zone=ALMATY, special={date(2026, 3, 23): SpecialDay(DayKind.HOLIDAY, Hours(10 * 60, 12 * 60))}
)


@pytest.mark.parametrize(
    ("calendar", "moment", "is_taken"),
    [
        (DELIVERED, "2026-03-02 07:59:59", False),
        (DELIVERED, "2026-03-02 08:00:00", True),
        (DELIVERED, "2026-03-02 23:59:59", True),
        (DELIVERED, "2026-03-03 00:00:00", False),
        (HOLIDAY, "2026-03-23 09:59:59", False),
        (HOLIDAY, "2026-03-23 10:00:00", True),
        (HOLIDAY, "2026-03-23 12:00:00", False),
        (HOLIDAY, "2026-03-24 08:00:00", True),
    ],
)
def test_a_call_is_taken_by_the_hours_of_the_second_in_which_it_came(
    calendar: Calendar, moment: str, is_taken: bool
) -> None:
    at = almaty(moment).astimezone(UTC)
    caller = Caller(now=at, open=is_open(calendar, at), remembered="ru").rings()
    assert (caller.call.step == WAIT) is is_taken
    assert (caller.call.step == CLOSED) is not is_taken


def test_after_hours_a_key_asks_for_a_call_at_the_next_opening() -> None:
    caller = Caller(open=False, remembered="ru").rings()
    assert caller.prompts == [
        "welcome_back", "closed", "closed_menu", "option_call_back_later", "option_message",
        "option_text",
    ]  # fmt: skip
    caller.presses("1")
    assert caller.effects == [WantsCallBack(keeps_place=False)]
    assert caller.prompts == ["call_back_at_opening", "goodbye"]
    assert (caller.is_over, caller.call.state) == (True, "parted")


def test_after_hours_a_key_takes_a_message() -> None:
    caller = Caller(open=False, remembered="ru").rings().presses("2")
    assert caller.heard[-1] == TakeMessage(seconds=120)
    assert caller.goes_on().effects == [LeftVoice(recording="RE1", seconds=3)]
    assert caller.prompts == ["message_thanks", "goodbye"]


def test_after_hours_a_key_sends_the_links() -> None:
    caller = Caller(open=False, remembered="ru").rings().presses("3")
    assert caller.effects == [WantsText()]
    assert caller.prompts == ["text_sent", "goodbye"]


def test_after_hours_whoever_has_no_keys_leaves_a_message_all_the_same() -> None:
    caller = Caller(open=False, remembered="ru").rings().presses("").presses("9").presses("")
    assert caller.prompts == ["message_beep"]


def test_a_withheld_number_is_not_offered_what_needs_one() -> None:
    caller = Caller(open=False, number="").rings().presses("2")
    assert caller.prompts == ["closed", "closed_menu", "option_message"]
    caller.presses("1")
    assert caller.prompts == ["call_back_no_number", "option_message"]
    caller.presses("3")
    assert caller.prompts == ["text_impossible", "option_message"]
    assert caller.effects == []


def test_nobody_is_offered_an_sms_that_cannot_be_sent() -> None:
    caller = Caller(open=False, remembered="ru", texts=False).rings()
    assert "option_text" not in caller.prompts
    assert caller.presses("3").effects == []


# --- Before the queue -----------------------------------------------------------------------------


def test_an_announcement_is_heard_in_the_callers_language_and_any_key_goes_on() -> None:
    caller = Caller(remembered="ru", announcement=OUTAGE).rings()
    assert caller.prompts == ["welcome_back", "announcement", "announcement_end"]
    assert caller.languages == {"ru"}
    assert isinstance(caller.presses("5").heard[-1], Queue)


def test_who_chooses_no_language_hears_the_announcement_after_the_first_asking() -> None:
    caller = Caller(announcement=OUTAGE).rings().presses("")
    assert caller.prompts == ["announcement", "announcement_end"]
    assert caller.languages == {caller.facts.telephone.language}


def test_an_announcement_is_heard_after_hours_as_well() -> None:
    caller = Caller(remembered="ru", announcement=OUTAGE, open=False).rings()
    assert caller.asked.step == ANNOUNCEMENT
    assert caller.presses("").asked.step == CLOSED


def test_a_key_of_the_menu_leads_to_its_team() -> None:
    caller = Caller(remembered="ru", telephone=telephone(menu=MENU_OF_TWO)).rings().presses("2")
    assert caller.call.team == "water"
    assert isinstance(caller.heard[-1], Queue)


def test_a_wrong_key_of_the_menu_is_asked_again_and_then_leads_to_anybody() -> None:
    caller = Caller(remembered="ru", telephone=telephone(menu=MENU_OF_TWO)).rings()
    assert caller.presses("8").presses("9").asked.step == MENU
    caller.presses("8")
    assert (caller.call.team, caller.call.step) == (None, WAIT)


def test_a_notice_comes_before_a_recorded_conversation() -> None:
    caller = Caller(remembered="ru", telephone=telephone(record=True)).rings()
    assert caller.prompts == ["welcome_back", "record_notice", "record_refuse_hint"]
    assert caller.presses("").effects == [ConsentsToRecord(consents=True), EntersQueue()]


def test_a_recording_can_be_refused_and_the_call_goes_on() -> None:
    caller = Caller(remembered="ru", telephone=telephone(record=True)).rings().presses("0")
    assert caller.effects == [ConsentsToRecord(consents=False), EntersQueue()]
    assert isinstance(caller.heard[-1], Queue)


def test_whoever_cuts_the_notice_short_has_not_consented() -> None:
    caller = Caller(remembered="ru", telephone=telephone(record=True)).rings()
    assert caller.presses("5").presses("5").asked.step == NOTICE
    assert caller.presses("5").effects[0] == ConsentsToRecord(consents=False)


def test_no_notice_is_given_where_nothing_is_recorded() -> None:
    assert "record_notice" not in Caller(remembered="ru").rings().prompts


def test_a_blocked_contact_is_refused_politely_and_enters_no_queue() -> None:
    caller = Caller(remembered="ru", blocked=True).rings()
    assert caller.prompts == ["blocked", "goodbye"]
    assert (caller.is_over, caller.effects, caller.call.state) == (True, [], "parted")


# --- Waiting --------------------------------------------------------------------------------------


def test_the_place_and_the_time_are_told_at_first_and_then_now_and_then() -> None:
    caller = Caller(remembered="ru", ahead=2, estimate=200.0).rings().goes_on()
    told = ["position_3", "estimate_5", "wait_menu", "option_call_back", "option_message",
            "option_text", "music"]  # fmt: skip
    assert caller.prompts == told
    assert caller.presses("", after=30).prompts == ["music"]
    assert caller.presses("", after=14).prompts == ["music"]
    assert caller.presses("", after=1).prompts == told
    assert caller.presses("", after=30).prompts == ["music"]


def test_the_eleventh_hears_that_there_are_many() -> None:
    assert Caller(remembered="ru", ahead=9).rings().goes_on().prompts[0] == "position_10"
    assert Caller(remembered="ru", ahead=10).rings().goes_on().prompts[0] == "position_many"


def test_who_waits_for_nobody_is_told_so() -> None:
    assert Caller(remembered="ru", agents_on=0).rings().goes_on().prompts[0] == "nobody_there"


@pytest.mark.parametrize(
    ("seconds", "prompt"),
    [
        (0.0, "estimate_1"),
        (60.0, "estimate_1"),
        (60.1, "estimate_2"),
        (240.0, "estimate_5"),
        (1800.0, "estimate_30"),
        (1801.0, "estimate_more"),
    ],
)
def test_the_time_told_is_never_shorter_than_the_estimate(seconds: float, prompt: str) -> None:
    assert estimate_prompt(seconds) == prompt


def test_a_key_in_the_queue_asks_for_a_call_that_keeps_the_place() -> None:
    caller = Caller(remembered="ru").rings().goes_on().presses("1")
    assert caller.effects[-1] == WantsCallBack(keeps_place=True)
    assert (caller.heard, caller.call.state) == ((LeaveQueue(),), "parted")
    assert caller.goes_on().prompts == ["call_back_promised", "goodbye"]
    assert caller.is_over


def test_a_withheld_number_goes_on_waiting_and_hears_why() -> None:
    caller = Caller(number="").rings().presses("2").goes_on()
    assert "option_call_back" not in caller.prompts
    assert caller.presses("1").prompts == ["call_back_no_number", "music"]
    assert caller.call.state == "waiting"


def test_a_key_in_the_queue_takes_a_message() -> None:
    caller = Caller(remembered="ru").rings().goes_on().presses("2")
    assert (caller.heard, caller.call.state) == ((LeaveQueue(),), "message")
    assert caller.goes_on().prompts == ["message_beep"]
    assert isinstance(caller.heard[-1], TakeMessage)


def test_a_key_in_the_queue_sends_the_links_once_and_the_caller_goes_on_waiting() -> None:
    caller = Caller(remembered="ru").rings().goes_on().presses("3")
    assert caller.prompts == ["text_sent", "music"]
    caller.presses("3").presses("3")
    assert caller.effects.count(WantsText()) == 1
    assert caller.call.state == "waiting"


def test_after_the_limit_something_else_is_offered_and_offered_again() -> None:
    caller = Caller(remembered="ru").rings().goes_on()
    assert "limit_menu" not in caller.presses("", after=299).prompts
    assert caller.presses("", after=1).prompts[0] == "limit_menu"
    assert "limit_menu" not in caller.presses("", after=50).prompts
    assert caller.presses("", after=250).prompts[0] == "limit_menu"


def test_nobody_is_offered_to_leave_while_an_operators_phone_rings_for_them() -> None:
    caller = Caller(remembered="ru").rings().goes_on()
    caller.call.state = "ringing"
    assert "limit_menu" not in caller.presses("", after=400).prompts
    caller.call.state = "waiting"
    assert caller.presses("").prompts[0] == "limit_menu"


def test_whoever_the_queue_cannot_take_is_offered_the_rest() -> None:
    caller = Caller(remembered="ru").rings()
    caller.hears(
        LeftQueue(account="main", call="CA1", at=caller.facts.now, moved=False, failed=True)
    )
    assert (caller.asked.step, caller.call.state) == (OFFER, "menu")
    assert caller.prompts[0] == "limit_menu"
    caller.presses("1")
    assert caller.effects[-1] == WantsCallBack(keeps_place=True)
    assert caller.is_over


# --- With a person --------------------------------------------------------------------------------


def _arrived(caller: Caller, step: str) -> Caller:
    return caller.hears(Arrived(account="main", call="CA1", at=caller.facts.now, step=step))


def test_who_is_moved_to_the_room_talks_there_and_hears_a_goodbye() -> None:
    caller = Caller(remembered="ru").rings().goes_on()
    caller.call.state = "talking"
    _arrived(caller, ROOM)
    assert caller.heard == (Talk(room="call-17", step=TALKED, ends_room=True),)
    assert _arrived(caller, TALKED).prompts == ["goodbye"]
    assert caller.is_over


def test_only_the_conversation_of_who_consented_is_recorded() -> None:
    for key, recorded in (("", True), ("0", False)):
        caller = Caller(remembered="ru", telephone=telephone(record=True)).rings().presses(key)
        caller.call.record = caller.effects[0].consents
        caller.call.state = "talking"
        talk = _arrived(caller, ROOM).heard[-1]
        assert isinstance(talk, Talk)
        assert talk.recorded is recorded


def test_who_is_transferred_waits_again_and_hears_that() -> None:
    caller = Caller(remembered="ru").rings().goes_on()
    caller.call.state = "talking"
    _arrived(caller, ROOM)
    caller.call.state = "waiting"
    assert _arrived(caller, WAIT).prompts == ["transferred"]
    assert isinstance(caller.heard[-1], Queue)
    assert caller.goes_on().prompts[0] == "position_1"


def test_who_comes_to_a_room_that_is_empty_waits_on_with_their_place() -> None:
    caller = Caller(remembered="ru").rings().goes_on()
    caller.effects.clear()
    assert isinstance(_arrived(caller, ROOM).heard[-1], Queue)
    assert (caller.call.state, caller.effects) == ("waiting", [])


def test_a_citizen_whom_we_call_hears_who_it_is() -> None:
    caller = Caller(remembered="ru")
    caller.call.direction, caller.call.state = "out", "ringing"
    assert _arrived(caller, HELLO).prompts == ["call_back_hello"]
    assert isinstance(caller.heard[-1], Talk)
    assert caller.call.state == "talking"


def test_a_citizen_whom_we_call_can_refuse_to_be_recorded() -> None:
    for key, recorded in (("", True), ("0", False)):
        caller = Caller(remembered="ru", telephone=telephone(record=True))
        caller.call.direction, caller.call.state = "out", "talking"
        assert _arrived(caller, HELLO).prompts == [
            "call_back_hello", "record_notice", "record_refuse_hint",
        ]  # fmt: skip
        talk = caller.presses("*").presses("3").presses(key).heard[-1]
        assert isinstance(talk, Talk)
        assert talk.recorded is recorded
        assert caller.effects == [ConsentsToRecord(consents=recorded)]


# --- What comes twice, late, or in another order --------------------------------------------------


def test_an_answer_that_comes_twice_is_taken_once() -> None:
    caller = Caller(remembered="ru", telephone=telephone(menu=MENU_OF_TWO)).rings()
    event = Pressed(account="main", call="CA1", at=caller.facts.now, step=MENU, digits="2")
    caller.hears(event).hears(event)
    assert caller.effects == [EntersQueue()]
    assert isinstance(caller.heard[-1], Queue)


def test_a_first_delivery_that_comes_twice_gets_the_same_answer() -> None:
    once, twice = Caller().rings(), Caller().rings().rings()
    assert once.heard == twice.heard
    once, twice = Caller(remembered="ru").rings(), Caller(remembered="ru").rings().rings()
    assert isinstance(twice.heard[-1], Queue)
    assert once.effects == twice.effects


def test_a_voicemail_that_is_told_after_the_end_is_not_lost() -> None:
    caller = Caller(open=False, remembered="ru").rings().presses("2")
    caller.call.state = "ended"
    caller.goes_on()
    assert caller.effects == [LeftVoice(recording="RE1", seconds=3)]
    assert caller.call.state == "ended"


def test_whoever_says_nothing_after_the_beep_has_left_no_message() -> None:
    caller = Caller(open=False, remembered="ru").rings().presses("2")
    caller.hears(
        LeftMessage(account="main", call="CA1", at=caller.facts.now, recording="", seconds=0)
    )
    assert (caller.effects, caller.prompts) == ([], ["goodbye"])
    assert "left" not in caller.call.facts


# --- It always leads somewhere --------------------------------------------------------------------

KEYS = st.sampled_from(["", "0", "1", "2", "3", "4", "9", "*", "#"])
STEPS = [START, LANGUAGE, ANNOUNCEMENT, CLOSED, MENU, NOTICE, WAIT, OFFER, HELLO, ROOM, TALKED,
         "talked.2", MESSAGE, PARTED, "unheard of"]  # fmt: skip
STATES = ["menu", "waiting", "ringing", "talking", "message", "parted", "ended"]
OFFICES = st.fixed_dictionaries(
    {
        "open": st.booleans(),
        "announcement": st.sampled_from([None, OUTAGE]),
        "remembered": st.sampled_from([None, "kk", "ru", "en"]),
        "ahead": st.integers(0, 300),
        "estimate": st.none() | st.floats(0, 1e5),
        "agents_on": st.integers(0, 3),
        "blocked": st.booleans(),
        "texts": st.booleans(),
        "telephone": st.builds(
            telephone, menu=st.sampled_from([(), MENU_OF_TWO]), record=st.booleans()
        ),
    }
)

MOST_QUESTIONS = 30
"""Before a caller waits, has left something, or has been said goodbye to."""


@settings(deadline=None)
@given(
    office=OFFICES, number=st.sampled_from(["", "+77011234567"]), keys=st.lists(KEYS, max_size=200)
)
def test_whatever_is_pressed_the_path_ends_in_the_queue_or_is_over(
    office: dict[str, Any], number: str, keys: list[str]
) -> None:
    caller = Caller(number=number, **office).rings()
    pressed = iter(keys)
    for _ in range(MOST_QUESTIONS):
        if caller.queued or caller.is_over:
            break
        if isinstance(caller.heard[-1], Ask):
            caller.presses(next(pressed, ""))
        else:
            caller.goes_on()
    else:
        pytest.fail(f"still asked after {MOST_QUESTIONS} questions: {caller.heard}")
    # In the queue any key may come for as long as they wait; whoever leaves it has soon parted.
    while caller.queued and not isinstance(caller.heard[-1], LeaveQueue):
        if isinstance(caller.heard[-1], Queue):
            caller.goes_on()
            continue
        assert caller.call.state == "waiting"
        key = next(pressed, None)
        if key is None:
            return
        caller.presses(key, after=37)
    for _ in range(3):
        if not caller.is_over:
            caller.goes_on()
    assert caller.is_over
    assert caller.call.state == "parted"
    for effect in caller.effects:
        assert number or not isinstance(effect, WantsCallBack | WantsText)


@st.composite
def _events(draw: st.DrawFn) -> Any:
    about: dict[str, Any] = {"account": "main", "call": "CA1", "at": NOW}
    step = draw(st.sampled_from(STEPS))
    return draw(
        st.sampled_from(
            [
                Rang(**about, number="+77011234567", ours="+7727"),
                Pressed(**about, step=step, digits=draw(KEYS)),
                Waits(**about, seconds=3.0),
                Arrived(**about, step=step),
                LeftQueue(**about, moved=draw(st.booleans()), failed=draw(st.booleans())),
                LeftMessage(**about, recording=draw(st.sampled_from(["", "RE1"])), seconds=1.0),
            ]
        )
    )


@settings(max_examples=400, deadline=None)
@given(
    office=OFFICES,
    state=st.sampled_from(STATES),
    step=st.sampled_from(STEPS),
    direction=st.sampled_from(["in", "out"]),
    kept=st.sampled_from(
        [
            {},
            {"tries": 3},
            {"then": WAIT},
            {"then": NOTICE, "changes": 3},
            {"then": OFFER},
            {"stay": 2},
        ]
    ),
    event=_events(),
)
def test_whatever_happens_at_whatever_step_there_is_an_answer(
    office: dict[str, Any], state: str, step: str, direction: str, kept: dict[str, Any], event: Any
) -> None:
    call = Call(
        id=17, account="main", number="+77011234567", state=state, step=step, facts=kept,
        direction=direction, started_at=event.at,
    )  # fmt: skip
    turn = follow(call, event, facts(**office))
    if isinstance(event, LeftQueue) and event.moved and state != "ended":
        assert turn.script == ()
        return
    assert isinstance(turn.script[-1], Ask | Queue | Talk | TakeMessage | LeaveQueue | HangUp)
    if isinstance(turn.script[-1], LeaveQueue):
        # Only who is in it can leave it.
        assert isinstance(event, Waits) or (isinstance(event, Pressed) and event.step == WAIT)
    if state == "ended":
        assert turn.state is None
    assert call.facts == kept  # nothing is written into what was given


@settings(deadline=None)
@given(office=OFFICES, keys=st.lists(KEYS, max_size=40))
def test_every_line_that_is_heard_has_its_words(office: dict[str, Any], keys: list[str]) -> None:
    caller = Caller(**office).rings()
    names = set(caller.prompts)
    for key in keys:
        if caller.is_over:
            break
        if isinstance(caller.heard[-1], Ask):
            caller.presses(key, after=61)
        else:
            caller.goes_on()
        names |= set(caller.prompts)
    assert names <= {*prompt_words(), OF_THE_OFFICE, MUSIC}


def test_whoever_asks_again_in_the_queue_to_leave_a_message_is_let_out_of_it_again() -> None:
    caller = Caller(remembered="ru").rings().goes_on()
    caller.presses("2")
    assert caller.heard == (LeaveQueue(),)
    again: dict[str, Any] = {"account": "main", "call": "CA1", "at": caller.facts.now}
    assert caller.hears(Pressed(**again, step=WAIT, digits="2")).heard == (LeaveQueue(),)
    assert caller.hears(Waits(**again, seconds=9)).heard == (LeaveQueue(),)
