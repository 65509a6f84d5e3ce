"""The commands: what each does, how it ends, and the one sentence when it cannot."""

import argparse
import asyncio
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from hub import app
from hub.__main__ import OPERATOR_ROLES, ROLES, main, parser
from registry.burial import Burial, bury
from registry.db import Database
from registry.migrate import HEAD
from registry.models import Message
from registry.operators import Role, authenticate, operator_by_email
from registry.passwords import is_password
from registry.types import Envelope
from tests.conftest import Databases

SECRET = "a secret of this test that nobody else has"
HOOK_SECRET = "hook-secret-of-this-test"


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, an environment without settings, and logs that stay as pytest has them."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("HUB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("hub.logs.set_up", lambda *_, **__: None)


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_SECRET_KEY", SECRET)


@pytest.fixture
def settings(secret: None, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings with a current database and an account; gives the database's address."""
    monkeypatch.setenv("HUB_DATABASE__URL", database_url)
    monkeypatch.setenv("HUB_CHANNELS__BLACKHOLE__MAIN__WEBHOOK_SECRET", HOOK_SECRET)
    return database_url


def _leaves(found: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """Every command, by its words."""
    nested = [a for a in found._actions if isinstance(a, argparse._SubParsersAction)]
    if not nested:
        yield list(words)
    for action in nested:
        for name, inner in action.choices.items():
            yield from _leaves(inner, (*words, name))


COMMANDS = list(_leaves(parser()))
NEED_SETTINGS = [
    ["run"],
    ["migrate"],
    ["replay"],
    ["operator", "add", "a@example.kz", "--name", "А", "--role", "operator"],
    ["token", "add", "crm"],
]


# --- How commands end -----------------------------------------------------------------------------


def test_there_are_the_commands_that_were_promised() -> None:
    assert [" ".join(words) for words in COMMANDS] == [
        "run", "demo", "migrate", "doctor", "connectors", "replay", "operator add",
        "operator disable", "token add", "token revoke", "phone fallback",
    ]  # fmt: skip
    assert frozenset(ROLES) == app.ALL_ROLES
    assert tuple(Role) == OPERATOR_ROLES


@pytest.mark.parametrize("words", [[], *COMMANDS], ids=" ".join)
def test_every_command_tells_what_it_does(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])

    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: {' '.join(['hub', *words])} ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["run", "--only", "web,fly"], "there is no 'fly'"),
        (["run", "--port", "65536"], "a number from 0 to 65535 is needed"),
        (["demo", "--speed", "0"], "a number above 0, and at most 1000, is needed"),
        (["demo", "--speed", "fast"], "a number above 0, and at most 1000, is needed"),
        (["operator", "add", "a@example.kz", "--role", "admin"], "--name"),
        (["operator", "add", "a@example.kz", "--name", "А", "--role", "king"], "'king'"),
        (["token", "add"], "NAME"),
        (["phone", "fallback", "--sound", "kk"], "kk=https://…"),
        (["phone", "fallback", "--sound", "kk=http://example.kz/kk.mp3"], "kk=https://…"),
    ],
)
def test_a_mistyped_command_ends_with_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", NEED_SETTINGS, ids=lambda words: words[0])
def test_settings_at_fault_end_a_command_with_1_and_one_sentence(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    assert capsys.readouterr().err == (
        "hub: secret_key: this key is missing; set it in the settings' file, "
        "or as HUB_SECRET_KEY in the environment.\n"
    )


@pytest.mark.parametrize("words", NEED_SETTINGS, ids=lambda words: words[0])
def test_a_database_that_is_not_there_is_told_in_one_sentence(
    words: list[str],
    secret: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as taken:  # and nobody listens on it
        taken.bind(("127.0.0.1", 0))
        address = f"postgresql://hub:s3cr3t@127.0.0.1:{taken.getsockname()[1]}/hub"
        monkeypatch.setenv("HUB_DATABASE__URL", address)

        assert main(words) == 1

    said = capsys.readouterr().err
    assert re.fullmatch(r"hub: database\.url: The database cannot be reached[^\n]*\.\n", said)


@pytest.mark.parametrize("words", NEED_SETTINGS, ids=lambda words: words[0])
def test_a_server_that_refuses_is_told_in_one_sentence(
    words: list[str],
    secret: None,
    databases: Databases,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HUB_DATABASE__URL", databases.server.url("nowhere"))

    assert main(words) == 1
    assert capsys.readouterr().err == 'hub: database.url: database "nowhere" does not exist.\n'


# --- migrate --------------------------------------------------------------------------------------


def test_migrate_says_what_it_did(
    empty_url: str,
    secret: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HUB_DATABASE__URL", empty_url)

    assert main(["migrate"]) == 0
    assert capsys.readouterr().out == f"The schema is current now: from nothing to {HEAD}.\n"

    assert main(["migrate"]) == 0
    assert capsys.readouterr().out == f"The schema is current already, at revision {HEAD}.\n"


def test_what_needs_the_tables_asks_for_migrate(
    empty_url: str,
    secret: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HUB_DATABASE__URL", empty_url)

    assert main(["token", "add", "crm"]) == 1
    assert capsys.readouterr().err == (
        "hub: The database's schema is not current; run `hub migrate` first.\n"
    )


# --- operator, token ------------------------------------------------------------------------------


def test_an_operator_signs_in_with_the_password_from_standard_input(
    settings: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("құпия сөз өте ұзақ\n"))
    words = ["operator", "add", "Aigul@Example.kz", "--name", "Айгүл", "--role", "supervisor"]

    assert main([*words, "--password-stdin"]) == 0
    assert capsys.readouterr().out == "Registered Aigul@Example.kz as supervisor.\n"

    async def sign_in(database: Database) -> Any:
        async with database.read() as session:
            found = await operator_by_email(session, "aigul@example.kz")
        assert found is not None
        assert await is_password(found.password_hash, "құпия сөз өте ұзақ")
        return found

    found = _ask(settings, sign_in)
    assert (found.name, found.role) == ("Айгүл", Role.SUPERVISOR)
    assert not found.must_change_password


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "--password-stdin: nothing came on standard input."),
        ("short\n", "The password is too short; take at least 12 characters."),
    ],
)
def test_a_password_that_will_not_do_adds_nobody(
    settings: str,
    typed: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["operator", "add", "a@example.kz", "--name", "А", "--role", "operator"]
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert main([*words, "--password-stdin"]) == 1
    assert capsys.readouterr().err == f"hub: {said}\n"

    monkeypatch.setattr("sys.stdin", io.StringIO("long enough a password\n"))
    assert main([*words, "--password-stdin"]) == 0


def test_the_same_operator_twice_is_told(settings: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["operator", "add", "a@example.kz", "--name", "А", "--role", "operator"]
    assert main(words) == 0
    assert main(words) == 1
    assert "There is an operator a@example.kz already" in capsys.readouterr().err


def test_a_token_is_printed_alone_and_opens_the_api(
    settings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "add", "crm", "--role", "admin"]) == 0

    printed = capsys.readouterr()
    assert re.fullmatch(r"hub_\S+\n", printed.out)
    assert printed.out.strip() not in printed.err
    found = _bearer(settings, printed.out.strip())
    assert (found.role, found.operator_id, found.actor) == (Role.ADMIN, None, "token:crm")


def test_a_token_acts_in_the_name_of_its_operator(
    settings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["operator", "add", "a@example.kz", "--name", "Айгүл", "--role", "supervisor"])
    capsys.readouterr()

    assert main(["token", "add", "desk", "--operator", "A@example.kz"]) == 0

    found = _bearer(settings, capsys.readouterr().out.strip())
    assert (found.name, found.role) == ("Айгүл", Role.SUPERVISOR)


def test_a_token_for_nobody_or_of_a_taken_name_is_refused(
    settings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "add", "desk", "--operator", "nobody@example.kz"]) == 1
    assert "There is no active operator nobody@example.kz." in capsys.readouterr().err

    main(["token", "add", "desk"])
    assert main(["token", "add", "desk"]) == 1
    assert "There is a token desk already" in capsys.readouterr().err


# --- connectors -----------------------------------------------------------------------------------


def test_connectors_lists_the_channels_without_any_settings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["connectors"]) == 0

    told = capsys.readouterr().out
    assert "telegram\n  accounts      none in the settings\n" in told
    assert "4096 UTF-16 units" in told


def test_connectors_names_the_accounts(
    secret: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hub.toml").write_text(
        '[channels.telegram.main]\ntoken = "7:abc"\n[channels.telegram.akimat]\ntoken = "8:abc"\n'
    )

    assert main(["connectors"]) == 0
    assert "telegram\n  accounts      akimat, main\n" in capsys.readouterr().out


def test_connectors_tells_a_fault_of_the_settings_that_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hub.toml").write_text("prot = 1\n")

    assert main(["connectors"]) == 1
    assert capsys.readouterr().err.startswith("hub: prot: there is no such key;")


# --- replay ---------------------------------------------------------------------------------------


def test_replay_of_nothing_is_no_fault(settings: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--buried"]) == 0
    assert capsys.readouterr().out == "Registered 0 of 0 buried deliveries.\n"


def test_replay_registers_what_can_be_read_now_and_tells_what_cannot(
    settings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    readable = {"id": "1", "sender": "aigul", "text": "Жол бойында шам жанбайды"}
    bodies = [b"{broken", json.dumps(readable).encode()]
    _ask(settings, lambda database: _bury(database, bodies))

    assert main(["replay"]) == 1

    printed = capsys.readouterr()
    assert printed.out == "Registered 1 of 2 buried deliveries.\n"
    assert printed.err == "hub: 1 still cannot be read; GET /api/v1/buried tells why.\n"

    async def texts(database: Database) -> list[str]:
        async with database.read() as session:
            return list(await session.exec(select(Message.text)))

    assert _ask(settings, texts) == ["Жол бойында шам жанбайды"]


# --- run ------------------------------------------------------------------------------------------


@contextmanager
def _hub(*words: str) -> Iterator[subprocess.Popen[str]]:
    """The real process; killed at the end if it is still there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hub", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_run_serves_until_it_is_asked_to_stop(settings: str) -> None:
    with _hub("run", "--port", "0") as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        address = said.removeprefix("The hub listens on ").rstrip(".\n")
        assert _status(f"{address}/healthz") == 200
        assert _status(f"{address}/readyz") == 200
        body = json.dumps({"id": "1", "sender": "aigul", "text": "Сәлем"}).encode()
        hook = f"{address}/hooks/blackhole/main"
        assert _status(hook, body, {"X-Blackhole-Secret": HOOK_SECRET}) == 200
        assert _status(hook, body, {"X-Blackhole-Secret": "wrong"}) == 401

        process.send_signal(signal.SIGTERM)
        _, logged = process.communicate(timeout=20)

    assert process.returncode == 0
    events = [json.loads(line)["event"] for line in logged.splitlines()]
    assert events[0] == "ready"
    assert events[-1] == "stopped"
    assert SECRET not in logged
    assert HOOK_SECRET not in logged


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_run_says_when_its_port_is_taken(settings: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with _hub("run", "--port", str(port)) as process:
            _, said = process.communicate(timeout=20)

    assert process.returncode == 1
    sentence = rf"hub: http\.port: cannot listen on 127\.0\.0\.1:{port}: .*already in use\."
    assert re.fullmatch(sentence, said.splitlines()[-1])
    assert "Traceback" not in said


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_run_names_the_key_of_an_account_at_fault(
    settings: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUB_CHANNELS__BLACKHOLE__MAIN__DELAY", "long")

    assert main(["run"]) == 1
    assert capsys.readouterr().err == ("hub: channels.blackhole.main.delay: a number is needed.\n")


# --- What the tests share -------------------------------------------------------------------------


def _ask(url: str, question: Any) -> Any:
    """What `question` finds in the database."""

    async def ask() -> Any:
        database = Database(url)
        await database.open()
        try:
            return await question(database)
        finally:
            await database.close()

    return asyncio.run(ask())


def _bearer(url: str, token: str) -> Any:
    async def who(database: Database) -> Any:
        async with database.read() as session:
            return await authenticate(session, token, SECRET)

    return _ask(url, who)


async def _bury(database: Database, bodies: list[bytes]) -> None:
    now = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
    burials = [
        Burial(
            envelope=Envelope(
                id=str(number),
                channel="blackhole",
                account="main",
                headers={},
                body=body,
                received_at=now,
            ),
            reason="An earlier version could not read it.",
        )
        for number, body in enumerate(bodies)
    ]
    async with database.write() as session:
        await bury(session, burials, now=now)


def _status(address: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> int:
    request = urllib.request.Request(address, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


# --- The telephone --------------------------------------------------------------------------------


def _phone(monkeypatch: pytest.MonkeyPatch, name: str = "main") -> None:
    account = {
        "account_sid": f"AC{'7' * 32}",
        "auth_token": "an-auth-token-of-nobody",
        "number": "+77272000109",
    }
    for key, value in account.items():
        monkeypatch.setenv(f"HUB_CHANNELS__PHONE__{name.upper()}__{key.upper()}", value)


@pytest.mark.usefixtures("secret")
def test_the_document_for_when_the_hub_is_away_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUB_PUBLIC_URL", "https://hub.example.kz")
    _phone(monkeypatch)
    assert main(["phone", "fallback", "--sound", "kk=https://example.kz/kk.mp3"]) == 0
    document = capsys.readouterr().out
    assert document.startswith("<?xml")
    assert "<Play>https://example.kz/kk.mp3</Play>" in document
    assert 'action="https://hub.example.kz/hooks/phone/main/fallback-message"' in document


@pytest.mark.usefixtures("secret")
def test_of_several_telephones_one_has_to_be_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["phone", "fallback"]) == 1
    assert "There is no telephone" in capsys.readouterr().err
    _phone(monkeypatch)
    _phone(monkeypatch, "second")
    assert main(["phone", "fallback"]) == 1
    assert "choose one of phone.main, phone.second" in capsys.readouterr().err
    assert main(["phone", "fallback", "phone.second"]) == 0
    assert "/hooks/phone/second/fallback-message" in capsys.readouterr().out
