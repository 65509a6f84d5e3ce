"""Channels: what a plain message costs the processor on its way in, channel by channel.

    python -m bench.intake --channels [--messages 1280] [--rounds 7] [--database …]

Each channel's recorded plain text is filled with ids, citizens and words of their own, signed as
the provider signs it, and taken through `verify`, `normalize` and `accept` in batches of 64. All
channels carry the same words, and each citizen writes five times. What is counted is the processor
time of this process with all its threads (PostgreSQL's own is not in it), in microseconds a
message; the median of rounds in which the channels take turns. A polled channel proves nothing,
and what it reads is a page.

`language` is the part of `accept` that goes into telling the language: one word in each message
is new to it, the others it knows.

A channel at more than twice the cheapest must have its reason among `REASONS`, or the run counts
for nothing.
"""

import gc
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import timedelta
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import structs
from multidict import CIMultiDict

from bench.databases import temporary_database
from bench.options import write
from connectors.base import Connector
from connectors.testing.contract import NOW, NOWHERE, ConnectorContract
from connectors.testing.fixtures import cases
from hub import app as hub_app
from registry.db import Database
from registry.intake import Rules, accept
from registry.language import detect
from registry.types import Envelope, Inbound, InboundMessage

BATCH = 64
MESSAGES_A_CITIZEN = 5
AIM = 2.0
"""Times the cheapest channel, unless there is a reason."""
RULES = Rules(join_window=timedelta(hours=72), number_prefix="ALM", zone=ZoneInfo("Asia/Almaty"))
WORDS = (
    "Сәлеметсіз бе! Абай даңғылы, 52 үйдің ауласында шұңқыр пайда болды, балалар мектептен "
    "қараңғыда қайтады. Когда починят? Спасибо, "
)
REASONS: Mapping[str, str] = {}
"""Why a channel may cost more than `AIM` times the cheapest."""

_LETTERS = "абвгдежзик"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way in, and where in its recorded delivery stands what differs between messages."""

    name: str
    suite: str
    case: str
    words: str
    """The text in the recorded delivery."""
    message: str
    """A part of the message's id that stands nowhere else."""
    citizen: str
    """The same of the citizen's."""
    page: int = 1
    """Messages of one delivery."""
    lists: Sequence[tuple[str, ...]] = field(default_factory=tuple)
    """The lists that grow with the messages of a page; the first holds the messages."""


VARIANTS = (
    Variant(
        name="telegram",
        suite="connectors.telegram.test_telegram:TestTelegram",
        case="text",
        words="Сәлеметсіз бе! Абай даңғылы, 52 үйдің ауласында шұңқыр пайда болды. Когда починят?",
        message="411",
        citizen="5512345601",
    ),
    Variant(
        name="telegram, polled",
        suite="connectors.telegram.test_telegram:TestTelegramPolled",
        case="text",
        words="Сәлеметсіз бе! Абай даңғылы, 52 үйдің ауласында шұңқыр пайда болды. Когда починят?",
        message="411",
        citizen="5512345601",
    ),
    Variant(
        name="whatsapp at Meta",
        suite="connectors.whatsapp.test_whatsapp:TestMeta",
        case="text",
        words="Сәлеметсіз бе! Абай даңғылы, 52 үйдің ауласында шұңқыр пайда болды. Когда починят?",
        message="0001AA==",
        citizen="5550142|2075531904417",
    ),
    Variant(
        name="whatsapp at Twilio",
        suite="connectors.whatsapp.test_whatsapp:TestTwilio",
        case="text",
        words="Сәлеметсіз бе! Абай даңғылы, 52 үйде шұңқыр бар + су\\n100% рас & анық",
        message="00000000000000000001",
        citizen="5550142",
    ),
    Variant(
        name="sms",
        suite="connectors.sms.test_sms:TestSms",
        case="text",
        words="Сәлеметсіз бе! Абай даңғылы, 52 үйдің алдында үлкен шұңқыр бар.",
        message="c3000001",
        citizen="5550142",
    ),
    Variant(
        name="facebook messages",
        suite="connectors.facebook.test_facebook:TestMessenger",
        case="text",
        words="Абай даңғылы, 52 үйдің алдында үлкен шұңқыр бар. Қашан жөндейсіздер?",
        message="0pL4kJ6hG-001",
        citizen="7412356890012345",
    ),
    Variant(
        name="facebook comments",
        suite="connectors.facebook.test_facebook:TestMessenger",
        case="comment",
        words="Ауэзова, 14 үйде үш күн су жоқ!",
        message="991100220033",
        citizen="25411098765432100",
    ),
    Variant(
        name="instagram messages",
        suite="connectors.instagram.test_instagram:TestInstagram",
        case="text",
        words="Сәлеметсіз бе! Абай даңғылы, 52 үйдің алдында шұңқыр бар.",
        message="MjM2Njg00001",
        citizen="6712345678901234",
    ),
    Variant(
        name="instagram comments",
        suite="connectors.instagram.test_instagram:TestInstagram",
        case="comment",
        words="А когда асфальт на Момышулы?",
        message="17990000000000101",
        citizen="6712345678901234",
    ),
    Variant(
        name="instagram messages, private",
        suite="connectors.instagram.test_instagram_private:TestPrivateInstagram",
        case="text",
        words="Абай даңғылы, 52 үйде шұңқыр бар. Қашан жөнделеді?",
        message="32017724438010001370000000000000001",
        citizen="47000000001",
    ),
    Variant(
        name="instagram comments, private",
        suite="connectors.instagram.test_instagram_private:TestPrivateInstagram",
        case="comment",
        words="Когда починят светофор на Абая — Розыбакиева?",
        message="18000000000000057",
        citizen="47000000001",
        page=20,
        lists=(("comments",),),
    ),
    Variant(
        name="twitter messages",
        suite="connectors.twitter.test_twitter:TestTwitter",
        case="dm-received",
        words="Сәлеметсіз бе! Абай даңғылы, 52 үйдің алдында шұңқыр бар.",
        message="0032988098560",
        citizen="1534001122334455667",
    ),
    Variant(
        name="twitter mentions",
        suite="connectors.twitter.test_twitter:TestTwitter",
        case="mention",
        words="на Абая, 52 третий день нет горячей воды",
        message="4814494658560",
        citizen="48213377",
    ),
    Variant(
        name="twitter messages, older kind",
        suite="connectors.twitter.test_twitter:TestTwitter",
        case="account-activity-dm",
        words="Қоқыс шығарылмады, Төле би 101",
        message="9847659458560",
        citizen="1534001122334455667",
    ),
    Variant(
        name="twitter mentions, older kind",
        suite="connectors.twitter.test_twitter:TestTwitter",
        case="account-activity-mention",
        words="автобус 92 не пришёл",
        message="0854292418560",
        citizen="48213377",
    ),
    Variant(
        name="twitter messages, polled",
        suite="connectors.twitter.test_twitter:TestTwitterPolled",
        case="page-of-messages",
        words="Сәлеметсіз бе! Абай даңғылы, 52 үйдің алдында шұңқыр бар.",
        message="0032988098560",
        citizen="1534001122334455667",
        page=20,
        lists=(("data",), ("includes", "users")),
    ),
    Variant(
        name="twitter mentions, polled",
        suite="connectors.twitter.test_twitter:TestTwitterPolled",
        case="page-of-mentions",
        words="на Абая, 52 третий день нет горячей воды",
        message="4814494658560",
        citizen="48213377",
        page=20,
        lists=(("data",), ("includes", "users")),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One channel's processor time, in microseconds a message."""

    database: str
    channel: str
    verify_us: float
    normalize_us: float
    accept_us: float
    language_us: float
    """Within `accept_us`."""
    sum_us: float
    ratio: float
    """To the cheapest channel's sum on this database."""
    reason: str | None
    messages: int


def main(kinds: Sequence[str], *, messages: int, rounds: int) -> None:
    """Run, print a table, and write bench/results/channels.json."""
    results: list[Result] = []
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder, temporary_database(kind, Path(folder)) as url:
            hub_app.run(partial(_measure, kind, url, messages, rounds, results))
    print(
        f"{'database':11}{'channel':30}{'verify':>8}{'normalize':>11}{'accept':>8}"
        f"{'(language)':>12}{'sum, us':>9}{'ratio':>7}"
    )
    for result in results:
        print(
            f"{result.database:11}{result.channel:30}{result.verify_us:8.1f}"
            f"{result.normalize_us:11.1f}{result.accept_us:8.1f}{result.language_us:12.1f}"
            f"{result.sum_us:9.1f}{result.ratio:7.2f}  {result.reason or ''}".rstrip()
        )
    write("channels", results)
    silent = [f"{r.channel} on {r.database}" for r in results if r.ratio > AIM and not r.reason]
    if silent:
        sys.exit(f"More than {AIM:g} times the cheapest, and no reason why: {'; '.join(silent)}.")


async def _measure(kind: str, url: str, messages: int, rounds: int, results: list[Result]) -> None:
    ways = [_Way(variant) for variant in VARIANTS]
    database = Database(url)
    await database.open()
    found: list[list[_Cost]] = [[] for _ in ways]
    for number in range(rounds + 1):
        for way, costs in zip(ways, found, strict=True):
            cost = await way.take(database, range(number * messages, (number + 1) * messages))
            if number:  # the first round warms up
                costs.append(cost)
    await database.close()
    medians = [
        _Cost(*(statistics.median(part) for part in zip(*map(astuple, costs), strict=True)))
        for costs in found
    ]
    cheapest = min(cost.sum for cost in medians)
    for way, cost in zip(ways, medians, strict=True):
        ratio = cost.sum / cheapest
        results.append(
            Result(
                database=kind,
                channel=way.name,
                verify_us=cost.verify,
                normalize_us=cost.normalize,
                accept_us=cost.accept,
                language_us=cost.language,
                sum_us=cost.sum,
                ratio=ratio,
                reason=REASONS.get(way.name) if ratio > AIM else None,
                messages=messages * rounds,
            )
        )


# --- One round of one channel ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cost:
    """Microseconds a message."""

    verify: float
    normalize: float
    accept: float
    language: float

    @property
    def sum(self) -> float:
        return self.verify + self.normalize + self.accept


class _Way:
    """A variant with the account that it comes to."""

    def __init__(self, variant: Variant) -> None:
        module, _, name = variant.suite.partition(":")
        suite: ConnectorContract = getattr(import_module(module), name)()
        (case,) = [case for case in cases(suite.fixtures()) if case.name == variant.case]
        self.name = variant.name
        self._variant = variant
        self._suite = suite
        self._keys = suite.settings(NOWHERE)
        self._template = json.dumps(_alone(case.content(), variant), ensure_ascii=False)
        self._marks = re.compile(
            f"(?P<words>{re.escape(variant.words)})|(?P<message>{re.escape(variant.message)})"
            f"|(?P<citizen>{variant.citizen})"
        )
        found = {mark.lastgroup for mark in self._marks.finditer(self._template)}
        assert found == {"words", "message", "citizen"}, f"{variant.name} lacks one of its marks"
        self._first = VARIANTS.index(variant) * _SPAN
        self._connector = suite.open(self._keys)

    async def take(self, database: Database, numbers: range) -> _Cost:
        """Take so many messages in; none of them may be lost, and none may differ."""
        signed = list(self._deliveries(numbers))
        kept = [structs.replace(envelope, headers={}) for envelope in signed]
        gc.collect()
        gc.freeze()
        verifying = _timed(partial(_verify, self._connector, signed))
        values: list[Inbound] = []
        normalizing = _timed(lambda: values.extend(_normalize(self._connector, kept)))
        self._check(values, numbers)
        started = time.process_time()
        for start in range(0, len(values), BATCH):
            batch = values[start : start + BATCH]
            accepted = await database.run(accept(batch, rules=RULES, now=NOW))
            assert set(accepted.fates) == {"stored"}
        accepting = time.process_time() - started
        texts = [_text(number + self._first) for number in numbers]
        telling = _timed(lambda: [detect(text) for text in texts])
        costs = verifying, normalizing, accepting, telling
        return _Cost(*(seconds / len(values) * 1e6 for seconds in costs))

    def _deliveries(self, numbers: range) -> Iterator[Envelope]:
        suite, variant = self._suite, self._variant
        for start in range(numbers.start, numbers.stop, variant.page):
            on_page = range(start, min(start + variant.page, numbers.stop))
            contents = [json.loads(self._filled(self._first + number)) for number in on_page]
            unsigned = suite.envelope(suite.body(_merged(contents, variant)), id=f"d{start}")
            headers: CIMultiDict[str] = CIMultiDict()
            if suite.has_webhook:
                headers.update(suite.sign(unsigned, self._keys))
            yield structs.replace(unsigned, headers=headers)

    def _filled(self, number: int) -> str:
        """The recorded delivery with this message in it."""

        def put(mark: re.Match[str]) -> str:
            if mark.lastgroup == "words":
                return _text(number)
            ours = number if mark.lastgroup == "message" else number // MESSAGES_A_CITIZEN
            # The first character stays: an id that is a number does not begin with a zero.
            return mark[0][0] + str(ours).zfill(len(mark[0]) - 1)

        return self._marks.sub(put, self._template)

    def _check(self, values: Sequence[Inbound], numbers: range) -> None:
        messages = [value for value in values if isinstance(value, InboundMessage)]
        wanted = {_text(self._first + number) for number in numbers}
        told = {
            message.text.partition(" ")[2] if message.text[0] == "@" else message.text
            for message in messages
        }
        ids = {message.external_id for message in messages}
        assert len(messages) == len(values) == len(ids) == len(numbers), f"{self.name}: wrong count"
        assert told == wanted, f"{self.name}: other words"


_SPAN = 100_000
"""Numbers of one variant: nobody writes on two channels."""


def _timed(work: Callable[[], object]) -> float:
    """Seconds of processor time."""
    started = time.process_time()
    work()
    return time.process_time() - started


def _verify(connector: Connector, envelopes: Sequence[Envelope]) -> None:
    if envelopes[0].headers:
        for envelope in envelopes:
            connector.verify(envelope)


def _normalize(connector: Connector, envelopes: Sequence[Envelope]) -> Iterator[Inbound]:
    return chain.from_iterable(connector.normalize(envelope) for envelope in envelopes)


def _text(number: int) -> str:
    """What every channel carries, with a word that this message alone has."""
    return WORDS + "".join(_LETTERS[int(digit)] for digit in f"{number:07}")


def _alone(content: Any, variant: Variant) -> Any:
    """The recorded delivery without the other messages of its page."""
    if variant.lists:
        holder, name = _list(content, variant.lists[0])
        marks = {"id", "pk"}
        holder[name] = [
            item
            for item in holder[name]
            if any(variant.message in str(item.get(mark)) for mark in marks)
        ]
    return content


def _merged(contents: Sequence[Any], variant: Variant) -> Any:
    """One page of several."""
    first, *others = contents
    for path in variant.lists:
        holder, name = _list(first, path)
        for other in others:
            theirs, _ = _list(other, path)
            holder[name] += [item for item in theirs[name] if item not in holder[name]]
    return first


def _list(content: Any, path: Sequence[str]) -> tuple[Any, str]:
    """Where in a page a list stands."""
    for name in path[:-1]:
        content = content[name]
    return content, path[-1]
