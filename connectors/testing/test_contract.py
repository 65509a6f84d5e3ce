"""The contract suite itself: a sound channel keeps it, and each defect is caught by its test."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import connectors
import connectors.kit.http  # loaded once here, not by each run below
from connectors.blackhole.connector import BlackholeConnector
from connectors.testing.contract import ConnectorContract
from connectors.testing.expected import main
from connectors.testing.fixtures import EXPECTED
from connectors.testing.scaffold import scaffold

pytest_plugins = ["pytester"]

INI = """[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
DELIVERY = {
    "messages": [
        {"id": "1", "sender": "7", "text": "Абай даңғылы, 52: шұңқыр", "at": 1772443800},
        {"id": "2", "sender": "7", "text": "Фото позже пришлю", "at": 1772443801},
        {"id": "", "sender": "7", "text": "?", "at": 0},
    ]
}


class Workshop:
    """A folder where channels are made and tested as if they stood in connectors/."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.folder = pytester.path
        self.failed: list[str] = []
        """The tests that failed in the last run."""

    def make(self, name: str, *, recorded: bool = True, **changes: tuple[str, str]) -> None:
        """Scaffold a channel; `changes` replace a text in `connector.py` and the like."""
        scaffold(name, into=self.folder)
        for file, (old, new) in changes.items():
            path = self.folder / name / file.replace("__", ".")
            text = path.read_text(encoding="utf-8")
            assert old in text
            path.write_text(text.replace(old, new), encoding="utf-8")
        if recorded:
            fixture = self.folder / name / "fixtures" / "two_messages.json"
            fixture.write_text(json.dumps(DELIVERY), encoding="utf-8")
            expected = fixture.with_name(f"two_messages{EXPECTED}")
            expected.write_text(json.dumps(self.expected(name)), encoding="utf-8")

    @staticmethod
    def expected(name: str) -> list[dict[str, Any]]:
        common = {
            "type": "InboundMessage",
            "channel": name,
            "account": "main",
            "conversation": "7",
            "sender": {
                "point": {"scheme": name, "value": "7"},
                "name": None,
                "language": None,
                "also": [],
            },
            "sequence": 0,
            "attachments": [],
            "reply_to": None,
            "group": None,
            "origin": None,
            "public": False,
            "unreadable": False,
            "call": False,
        }
        times = ("2026-03-02T09:30:00Z", "2026-03-02T09:30:01Z")
        messages = [
            {**common, "external_id": m["id"], "text": m["text"], "sent_at": at}
            for m, at in zip(DELIVERY["messages"], times, strict=False)
        ]
        bad = {"type": "Unreadable", "reason": "a message without an id", "item": "messages[2]"}
        return [*messages, bad]

    def run(self, name: str, *options: str) -> dict[str, int]:
        """Run the channel's tests, and count them by outcome."""
        result = self.pytester.inline_run(
            f"{name}/test_{name}.py",
            "--import-mode=importlib",
            "-c",
            str(self.folder / "pytest.ini"),
            "-p",
            "no:cacheprovider",
            *options,
        )
        passed, skipped, failed = result.listoutcomes()
        self.failed = sorted({_test_name(report.nodeid) for report in failed})
        return {"passed": len(passed), "skipped": len(skipped), "failed": len(failed)}


def _test_name(nodeid: str) -> str:
    return nodeid.rpartition("::")[2].partition("[")[0]


@pytest.fixture
def workshop(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, str(pytester.path)])
    (pytester.path / "pytest.ini").write_text(INI, encoding="utf-8")
    before = set(sys.modules)
    yield Workshop(pytester)
    for name in sys.modules.keys() - before:
        del sys.modules[name]


def test_a_new_channel_is_red_until_a_delivery_is_recorded(workshop: Workshop) -> None:
    workshop.make("pigeon", recorded=False)
    counts = workshop.run("pigeon", "-k", "not importing")
    assert workshop.failed == [
        "test_mutated_fixtures_are_survived",
        "test_there_are_fixtures_and_a_citizens_message_among_them",
    ]
    assert counts["passed"] > 30


def test_a_new_channel_with_a_recorded_delivery_keeps_the_contract(workshop: Workshop) -> None:
    workshop.make("pigeon")
    counts = workshop.run("pigeon", "-k", "not importing")
    assert workshop.failed == []
    assert counts["passed"] > 50


def test_a_suite_has_those_tests_that_apply_to_it() -> None:
    class Swallowing(ConnectorContract):
        connector_class = BlackholeConnector
        has_provider = False

        def settings(self, url: str) -> dict[str, Any]:
            return {"webhook_secret": "of-a-suite-that-runs-nowhere"}

    class Carrying(Swallowing):
        has_provider = True

    name = "test_a_provider_that_is_not_there_is_unreachable"
    assert getattr(Swallowing, name) is None
    assert getattr(Carrying, name) is getattr(ConnectorContract, name)
    assert Carrying.test_a_repeated_send_arrives_once_where_that_is_promised is None
    assert Carrying.test_what_carries_nothing_refuses_it_and_asks_nobody is None
    assert Carrying.test_everything_that_happens_to_a_call_has_a_fixture is None


def test_the_expected_files_are_written_from_what_the_code_gives(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.make("stork")
    expected = workshop.folder / "stork" / "fixtures" / f"two_messages{EXPECTED}"
    right = json.loads(expected.read_text(encoding="utf-8"))
    expected.write_text("[]", encoding="utf-8")
    assert main(["stork"]) == 0
    assert capsys.readouterr().out == f"wrote two_messages{EXPECTED}\n"
    assert json.loads(expected.read_text(encoding="utf-8")) == right
    assert main(["stork", "two_messages"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["stork", "three_messages"]) == 1
    assert capsys.readouterr().err == "stork has no fixture three_messages.\n"
    assert main(["heron"]) == 1
    assert "is 'heron' a channel?" in capsys.readouterr().err


DEFECTS = {
    "a signature that only has to be there": (
        "if not same(envelope.headers.get(SIGNATURE), expected):",
        "if SIGNATURE not in envelope.headers:",
        "test_a_delivery_signed_for_another_account_is_forged",
    ),
    "a missing signature that crashes": (
        "envelope.headers.get(SIGNATURE)",
        "envelope.headers[SIGNATURE]",
        "test_a_delivery_without_its_signature_is_forged",
    ),
    "a signature over nothing": (
        "hmac_sha256(self._webhook_secret, envelope.body)",
        "hmac_sha256(self._webhook_secret, b'{}')",
        "test_a_delivery_that_the_provider_signed_is_let_in",
    ),
    "a field that is not read": (
        "text=written.text,",
        "",
        "test_a_fixture_gives_what_is_expected_in_full",
    ),
    "a naive time": (
        "datetime.fromtimestamp(written.at, UTC)",
        "datetime.fromtimestamp(written.at, UTC).replace(tzinfo=None)",
        "test_values_of_a_fixture_are_sound",
    ),
    "a value of the wrong type": (
        "external_id=written.id,",
        "external_id=written.at,",
        "test_values_of_a_fixture_are_sound",
    ),
    "another account's name": (
        "account=self.account,",
        "account='other',",
        "test_values_of_a_fixture_are_sound",
    ),
    "a time that is the present one": (
        "sent_at=sent_at,",
        "sent_at=self._clock(),",
        "test_normalize_does_not_ask_the_time",
    ),
    "a file opened while reading": (
        "delivery = msgspec",
        "open(__file__).close(); delivery = msgspec",
        "test_normalize_is_pure",
    ),
    "a count that goes on from one reading to the next": (
        "for n, raw in enumerate(delivery.messages)]",
        "for n, raw in enumerate(delivery.messages, __import__('time').monotonic_ns())]",
        "test_normalize_is_pure",
    ),
    "garbage that crashes": (
        "except (msgspec.DecodeError, ValueError, RecursionError)",
        "except KeyError",
        "test_garbage_is_malformed_or_nothing",
    ),
    "an odd time that crashes": (
        "except (msgspec.DecodeError, ValueError, OverflowError, OSError)",
        "except msgspec.DecodeError",
        "test_mutated_fixtures_are_survived",
    ),
    "an empty id": (
        "if not (written.id and written.sender):",
        "if not written.sender:",
        "test_values_of_a_fixture_are_sound",
    ),
    "a secret that is not kept as one": (
        "token: SecretStr",
        "app_secret: str = 'open'\n    token: SecretStr",
        "test_what_is_called_a_secret_is_kept_as_one",
    ),
    "a secret in a repr": (
        "async def send",
        "def __repr__(self): return self._webhook_secret\n\n    async def send",
        "test_no_secret_shows_in_a_repr",
    ),
    "a secret in an error": (
        'provider="Pigeon"',
        "provider=settings.token.get_secret_value()",
        "test_a_provider_that_is_not_there_is_unreachable",
    ),
    "a secret in an error's cause": (
        "reply = await self._client.call(",
        "reply = await indiscreet(self._client.call, self._webhook_secret)(",
        "test_a_send_whose_answer_was_lost_is_uncertain",
    ),
    "a secret in the log": (
        "self._client.timeout = self.timeout",
        "__import__('logging').getLogger('x').debug('with %s', self._webhook_secret)",
        "test_each_message_has_an_id_of_its_own",
    ),
    "traffic beyond localhost": (
        "self._client.timeout = self.timeout",
        "curious()",
        "test_each_message_has_an_id_of_its_own",
    ),
    "a text that is changed": (
        '"text": message.text}',
        '"text": message.text.replace("<", "&lt;")}',
        "test_what_is_typed_is_what_arrives",
    ),
    "a limit beyond the provider's": (
        "max_text=1000",
        "max_text=2000",
        "test_a_text_that_is_too_long_goes_out_in_parts_without_a_loss",
    ),
    "an album without its kinds": (
        "max_text=1000",
        "max_text=1000, max_album=3",
        "test_the_capabilities_agree_with_each_other",
    ),
    "a receipt that no fixture shows": (
        "max_text=1000",
        "max_text=1000, receipts=frozenset({'read'})",
        "test_every_receipt_that_is_declared_has_a_fixture",
    ),
    "a promise that the provider does not keep": (
        "max_text=1000",
        "max_text=1000, idempotent_send=True",
        "test_a_repeated_send_arrives_once_where_that_is_promised",
    ),
    "one id for all": (
        "external_ids=(external_id,)",
        "external_ids=('1',)",
        "test_each_message_has_an_id_of_its_own",
    ),
    "an error that means another": (
        "case 403:",
        "case 402:",
        "test_each_failure_of_the_provider_means_its_error",
    ),
    "a wait that is not the provider's": (
        "float(wait) if wait.isdecimal() else 30.0",
        "30.0",
        "test_each_failure_of_the_provider_means_its_error",
    ),
    "a lost answer taken for a failure": (
        "reply = await self._client.call(",
        "reply = await certain(self._client.call)(",
        "test_a_send_whose_answer_was_lost_is_uncertain",
    ),
    "trouble taken for an answer": (
        "reply = await self._client.call(",
        "reply = await hopeful(self._client.call)(",
        "test_trouble_at_the_provider_may_be_tried_again",
    ),
    "a wait without end": (
        "self.timeout = TIMEOUT",
        "self.timeout = 3600.0",
        "test_a_provider_that_hangs_is_not_waited_for_without_end",
    ),
}
DEFECTIVE = """

def certain(call):
    async def made(*args, **options):
        try:
            return await call(*args, **options)
        except Uncertain:
            raise Rejected("it did not go out") from None
    return made


def hopeful(call):
    async def made(*args, **options):
        try:
            return await call(*args, **options)
        except SendError:
            return Reply(status=200, headers={}, data={"id": "1"})
    return made
"""


@pytest.mark.parametrize(("good", "bad", "caught_by"), DEFECTS.values(), ids=DEFECTS.keys())
def test_a_defect_is_caught(good: str, bad: str, caught_by: str, workshop: Workshop) -> None:
    workshop.make("pigeon", connector__py=(good, bad))
    with (workshop.folder / "pigeon" / "connector.py").open("a", encoding="utf-8") as file:
        file.write(DEFECTIVE)
    workshop.run("pigeon", "-k", caught_by)
    assert workshop.failed == [caught_by]


def test_a_folder_that_is_not_complete_is_caught(workshop: Workshop) -> None:
    workshop.make("pigeon", README__md=("## Limits", "## Bounds"))
    (workshop.folder / "pigeon" / "fixtures" / "lonely.json").write_text("{}", encoding="utf-8")
    workshop.run("pigeon", "-k", "readme or pair")
    assert workshop.failed == [
        "test_a_readme_tells_set_up_limits_and_sources",
        "test_every_file_of_the_fixtures_has_its_pair",
    ]
