"""Who is where: one of each person, no ghosts, and other processes' word while it holds."""

from dataclasses import dataclass

import msgspec
import pytest

from hub.live.clients import Client, Goodbye
from hub.live.presence import HEARD_SECONDS, TYPING_SECONDS, Presence, Viewer
from registry.operators import Principal, Role
from registry.wire import MAX_WORDS

NUMBER = "ALM-2026-0000001"
OTHER = "ALM-2026-0000002"


@dataclass
class Hands:
    """A clock that goes forward when a test says so."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


class Nowhere:
    """A transport that nothing is written to."""

    def write(self, data: bytes, /) -> None:
        pytest.fail(f"{data!r} was written")

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        pytest.fail("it was cut off")


def browser(name: str, operator_id: int) -> Client:
    async def close(_why: Goodbye) -> None:
        pytest.fail("it was closed")

    who = Principal(
        role=Role.OPERATOR, name=name, operator_id=operator_id, actor=f"operator:{operator_id}"
    )
    return Client(Nowhere(), close, f"digest of {name}", who, "en")


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def presence(hands: Hands) -> Presence:
    return Presence(hands)


def settled(presence: Presence) -> dict[str, list[tuple[str, bool]]]:
    """What changed, as names and whether they write; it counts as shown from now on."""
    changes = presence.changes()
    presence.settle(changes)
    return {
        number: [(viewer.name, viewer.typing) for viewer in viewers]
        for number, viewers in changes.items()
    }


def test_a_person_with_several_browsers_is_there_once_and_until_the_last_is_closed(
    presence: Presence,
) -> None:
    one, other, dana = browser("Erlan", 1), browser("Erlan", 1), browser("Dana", 2)
    for client in (one, other, dana):
        presence.enter(client, NUMBER)
    assert settled(presence) == {NUMBER: [("Dana", False), ("Erlan", False)]}
    presence.write(other, NUMBER, typing=True)
    assert settled(presence) == {NUMBER: [("Dana", False), ("Erlan", True)]}
    presence.leave(one, NUMBER)
    assert settled(presence) == {}
    presence.leave(other, NUMBER)
    assert settled(presence) == {NUMBER: [("Dana", False)]}
    presence.leave(dana, NUMBER)
    assert settled(presence) == {NUMBER: []}
    assert presence.shown == {}


def test_who_writes_no_more_has_stopped_even_if_nothing_says_so(
    presence: Presence, hands: Hands
) -> None:
    erlan = browser("Erlan", 1)
    presence.enter(erlan, NUMBER)
    presence.write(erlan, NUMBER, typing=True)
    assert settled(presence) == {NUMBER: [("Erlan", True)]}
    hands.now += TYPING_SECONDS - 1
    assert settled(presence) == {}
    hands.now += 1
    assert settled(presence) == {NUMBER: [("Erlan", False)]}


def test_one_cannot_write_where_one_is_not(presence: Presence) -> None:
    presence.write(browser("Erlan", 1), NUMBER, typing=True)
    assert settled(presence) == {}


def test_what_was_not_told_for_a_fault_is_told_the_next_time(presence: Presence) -> None:
    presence.enter(browser("Erlan", 1), NUMBER)
    assert list(presence.changes()) == [NUMBER]
    presence.enter(browser("Dana", 2), OTHER)
    assert set(settled(presence)) == {NUMBER, OTHER}
    assert settled(presence) == {}


def test_what_happens_while_it_is_told_is_told_the_next_time(presence: Presence) -> None:
    erlan = browser("Erlan", 1)
    presence.enter(erlan, NUMBER)
    changes = presence.changes()
    presence.leave(erlan, NUMBER)
    presence.settle(changes)
    assert settled(presence) == {NUMBER: []}


def test_another_process_is_believed_until_it_says_otherwise_or_nothing(
    presence: Presence, hands: Hands
) -> None:
    there = Presence(hands)
    erlan, dana = browser("Erlan", 1), browser("Dana", 2)
    there.enter(erlan, NUMBER)
    presence.enter(dana, NUMBER)
    for words in there.words(everything=False):
        presence.hear(words)
    assert settled(presence) == {NUMBER: [("Dana", False), ("Erlan", False)]}
    assert list(there.words(everything=False)) == []
    hands.now += HEARD_SECONDS - 1
    for words in there.words(everything=True):
        presence.hear(words)
    hands.now += HEARD_SECONDS - 1
    assert settled(presence) == {}
    hands.now += 1
    assert settled(presence) == {NUMBER: [("Dana", False)]}
    there.write(erlan, NUMBER, typing=True)
    for words in there.words(everything=False):
        presence.hear(words)
    assert settled(presence) == {NUMBER: [("Dana", False), ("Erlan", True)]}
    there.leave(erlan, NUMBER)
    for words in there.words(everything=False):
        presence.hear(words)
    assert settled(presence) == {NUMBER: [("Dana", False)]}


def test_much_is_told_in_pieces_that_the_wire_carries(presence: Presence, hands: Hands) -> None:
    numbers = [f"ALM-2026-{serial:07}" for serial in range(500)]
    for serial, number in enumerate(numbers):
        presence.enter(browser(f"Сәуле Қасымқызы {serial}", serial), number)
    words = list(presence.words(everything=True))
    assert len(words) > 1
    assert all(len(each.encode()) <= MAX_WORDS for each in words)
    elsewhere = Presence(hands)
    for each in words:
        elsewhere.hear(each)
    assert sorted(settled(elsewhere)) == numbers


@pytest.mark.parametrize(
    "words", ["", "{}", "nonsense", '{"process":1,"seen":{}}', '{"process":"x","seen":[1]}']
)
def test_words_of_another_version_are_not_taken_in(presence: Presence, words: str) -> None:
    presence.hear(words)
    assert settled(presence) == {}


def test_a_viewer_is_told_as_browsers_read_it() -> None:
    said = msgspec.json.encode(Viewer("1", "Дана", typing=True))
    assert msgspec.json.decode(said) == {"id": "1", "name": "Дана", "typing": True}
