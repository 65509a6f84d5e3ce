"""A city: years of appeals, written straight into a database, for the inbox to find its way in.

The same seed gives the same city. Words come as often as words do: a few in every second appeal,
some in one of a hundred, and each of the rare ones in a handful.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.ids import first_id

SEED = 20_260_302
END = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
"""When the last appeal was registered."""
YEARS = 5

OPERATORS, TEAMS = 500, 12
SUPERVISOR = 250
"""The one operator who sees the appeals of every team."""
LIVE_SHARE = 0.05
"""Of all appeals, those in which there is something to do."""

COMMON, MIDDLING, RARE = "свет", "фонтан", "зубр"
"""Words to search for: in about a half, a hundredth and a ten-thousandth of the appeals."""

_CHANNELS = ("telegram", "whatsapp", "instagram", "facebook", "sms", "visit")
_WHAT = ("Нет света", "Жарық жоқ", "Яма на дороге", "Не вывозят мусор", "Протекает крыша",
         "Су жоқ екінші күн", "Сломана скамейка", "Автобус не приходит")  # fmt: skip
_WHERE = ("проспект Абая", "улица Толе би", "микрорайон Аксай", "Жетісу көшесі", "улица Сатпаева",
          "Розыбакиева", "Момышұлы даңғылы", "улица Шолохова")  # fmt: skip
_MORE = ("Прошу принять меры.", "Шара қолдануыңызды сұраймын.", "Так уже третий день.",
         "Балалар қауіпті жерде жүреді.", "Обращались в КСК, ответа нет.")  # fmt: skip
_ANSWERS = ("Бригада выехала по адресу.", "Өтінішіңіз қабылданды.", "Работы назначены на завтра.")
_NAMES = ("Айгүл", "Ерлан", "Мария", "Данияр", "Ольга", "Қымбат", "Сергей", "Әсел")
_FAMILIES = ("Сейтқали", "Ахметов", "Иванова", "Жұмабаева", "Ким", "Оспанов", "Петров", "Нұрлан")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for one table, in the order of its columns here."""

    name: str
    columns: tuple[str, ...]
    rows: Iterator[Sequence[Any]]


class City:
    """So many appeals, five messages each."""

    def __init__(self, appeals: int) -> None:
        self.appeals = appeals
        self.contacts = max(1, appeals * 2 // 5)
        self._step = timedelta(days=365 * YEARS) / appeals
        self._first = END - self._step * appeals

    def opened_at(self, place: int) -> datetime:
        """When the appeal of that place was registered."""
        return self._first + self._step * place

    def appeal_id(self, place: int) -> int:
        """Its id, which grows with time as ids do."""
        return first_id(self.opened_at(place)) + place

    def number(self, place: int) -> str:
        """Its number."""
        return f"ALM-{self.opened_at(place).year}-{place + 1:07}"

    def tables(self) -> Iterator[Table]:
        """Every table, those that others point to first."""
        start = self._first
        yield Table(
            "operators",
            ("id", "email", "name", "role", "created_at"),
            (
                (
                    i + 1,
                    f"o{i}@example.kz",
                    f"Оператор {i}",
                    "supervisor" if i + 1 == SUPERVISOR else "operator",
                    start,
                )
                for i in range(OPERATORS)
            ),
        )
        yield Table("teams", ("key", "name", "created_at"),
                    ((f"team{i}", f"Отдел {i}", start) for i in range(TEAMS)))  # fmt: skip
        yield Table("team_members", ("team", "operator_id"),
                    ((f"team{i % TEAMS}", i + 1) for i in range(OPERATORS)))  # fmt: skip
        yield Table("contacts", ("id", "name", "language", "created_at"), self._contacts())
        yield Table("contact_points", ("id", "contact_id", "scheme", "value", "created_at"),
                    self._points())  # fmt: skip
        yield Table(
            "appeals",
            ("id", "number", "channel", "account", "contact_id", "status", "priority", "category",
             "language", "subject", "assignee_id", "team", "opened_at", "due_at", "resolved_at",
             "last_message_at", "unread", "message_count", "address", "waiting_since"),
            self._appeals(),
        )  # fmt: skip
        yield Table(
            "messages",
            ("id", "appeal_id", "direction", "text", "author", "sent_at", "created_at", "state"),
            self._messages(),
        )

    def words(self, place: int) -> list[str]:
        """What the appeal of that place says: its subject, address and messages."""
        chance = random.Random(SEED + place)
        what, where = chance.choice(_WHAT), chance.choice(_WHERE)
        address = f"{where}, {chance.randrange(1, 300)}"
        first = f"{what}, {address}. {chance.choice(_MORE)}"
        if place % 2 == 0:
            first += f" Когда будет {COMMON}?"
        if place % 100 == 7:
            first += f" Возле стоит {MIDDLING}."
        if place % 10_000 == 77:
            first += f" У нас во дворе {RARE}."
        return [what, address, first, *chance.choices((*_MORE, *_ANSWERS), k=4)]

    def _contacts(self) -> Iterator[Sequence[Any]]:
        for i in range(self.contacts):
            name = f"{_NAMES[i % 8]} {_FAMILIES[i // 8 % 8]} {i}"
            yield i + 1, name, ("kk", "ru", "mixed")[i % 3], self._first

    def _points(self) -> Iterator[Sequence[Any]]:
        for i in range(self.contacts):
            yield i + 1, i + 1, "tel", f"+7701{i:07}", self._first

    def _appeals(self) -> Iterator[Sequence[Any]]:
        chance = random.Random(SEED)
        recent = self.appeals - int(self.appeals * LIVE_SHARE)
        for place in range(self.appeals):
            opened = self.opened_at(place)
            subject, address = self.words(place)[:2]
            live = place >= recent
            status = chance.choice(("new", "open", "open", "pending")) if live else "closed"
            waits = live and chance.random() < 0.6
            yield (
                self.appeal_id(place), self.number(place), _CHANNELS[place % len(_CHANNELS)],
                "main", place % self.contacts + 1, status,
                chance.choice(("normal", "normal", "normal", "high", "urgent", "low")),
                chance.choice(("roads.pothole", "light.street", "clean.garbage", None)),
                chance.choice(("kk", "ru", "mixed")), subject,
                chance.randrange(OPERATORS) + 1 if live and status != "new" else None,
                f"team{chance.randrange(TEAMS)}" if chance.random() < 0.7 else None,
                opened, opened + timedelta(days=chance.randrange(1, 400) if live else 5),
                None if live else opened + timedelta(days=3), opened + timedelta(hours=5),
                int(waits), 5, address, opened if waits else None,
            )  # fmt: skip

    def _messages(self) -> Iterator[Sequence[Any]]:
        for place in range(self.appeals):
            appeal_id, opened = self.appeal_id(place), self.opened_at(place)
            for i, text in enumerate(self.words(place)[2:]):
                at = opened + timedelta(hours=i)
                outgoing = i % 2 == 1
                yield (
                    # Ids of messages stand between those of the appeals.
                    appeal_id * 8 + i, appeal_id, "out" if outgoing else "in", text,
                    "Оператор" if outgoing else "Житель", at, at,
                    "delivered" if outgoing else None,
                )  # fmt: skip
