"""The doctor: what is well is green, what is not is red and has its cure."""

import asyncio
import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from config.settings import load
from connectors.base import Diagnosis, Health, Misconfigured, SendError, Unreachable
from hub import doctor
from hub.__main__ import main
from hub.doctor import Finding, Level, examine, worded
from registry.calls.tables import Prompt
from registry.db import Database
from registry.migrate import HEAD
from registry.office import change_setting
from registry.office_shapes import Setting, Telephone, as_delivered
from registry.types import AccountKey, utc_now
from tests.workers.test_vosk_transcriber import model

_ENVIRONMENT = {
    "HUB_SECRET_KEY": "a secret of this test that nobody else has",
    "HUB_CHANNELS__BLACKHOLE__MAIN__WEBHOOK_SECRET": "hook-secret",
}


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hub.logs.set_up", lambda *_, **__: None)
    for name, value in _ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def _found() -> dict[str, Finding]:
    return {finding.what: finding for finding in asyncio.run(examine(None))}


def test_a_healthy_installation_is_green_throughout(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUB_DATABASE__URL", database_url)

    found = _found()

    assert {finding.level for finding in found.values()} == {Level.GREEN}, found
    assert list(found) == ["settings", "database", "schema", "media", "disk", "blackhole/main"]
    assert main(["doctor"]) == 0
    assert "ok    schema          revision" in capsys.readouterr().out


def test_settings_that_cannot_be_read_are_the_only_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HUB_SECRET_KEY")

    assert [finding.what for finding in asyncio.run(examine(None))] == ["settings"]
    assert main(["doctor"]) == 1
    assert capsys.readouterr().out.startswith("FAIL  settings  secret_key: this key is missing;")


# --- The database ---------------------------------------------------------------------------------


def test_a_schema_that_is_not_current_is_red(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DATABASE__URL", empty_url)
    if empty_url.startswith("sqlite:"):
        path = Path(empty_url.removeprefix("sqlite:///"))
        path.parent.mkdir()
        path.touch()

    found = _found()["schema"]

    assert found.level is Level.RED
    assert (found.said, found.cure) == (
        f"It is at nothing, and {HEAD} is needed.",
        "Run `hub migrate`.",
    )


def test_a_schema_of_a_later_version_asks_for_that_version(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_DATABASE__URL", database_url)

    async def age() -> None:
        database = Database(database_url)
        await database.open()
        async with database.write() as session:
            connection = await session.connection()
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await database.close()

    asyncio.run(age())

    found = _found()["schema"]
    assert found.level is Level.RED
    assert found.cure == "Install the version of the hub that wrote it, or a newer one."


def test_a_database_that_was_not_made_yet_is_a_warning() -> None:
    found = _found()["database"]

    assert found.level is Level.YELLOW
    assert "the first start makes it" in found.said
    assert not Path("var/hub.db").exists()


def test_a_server_that_cannot_be_reached_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_DATABASE__URL", "postgresql://hub:s3cr3t@127.0.0.1:1/hub")

    found = _found()["database"]

    assert found.level is Level.RED
    assert "cannot be reached" in found.said
    assert "s3cr3t" not in repr(found)


def test_a_sqlite_that_is_too_old_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 37, 2))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.37.2")

    found = _found()["database"]

    assert found.level is Level.RED
    assert found.said == "SQLite 3.37.2 is too old; 3.38.0 is needed."


# --- Files ----------------------------------------------------------------------------------------


def test_a_media_folder_that_cannot_be_written_is_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HUB_MEDIA__URL", (tmp_path / "file" / "media").as_uri())

    found = _found()["media"]

    assert found.level is Level.RED
    assert found.cure == "Correct media.url, or the rights."


@pytest.mark.parametrize(
    ("free", "level"),
    [(100 * 1024**2, Level.RED), (1024**3, Level.YELLOW), (50 * 1024**3, Level.GREEN)],
)
def test_room_on_the_disk_is_told(free: int, level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    assert _found()["disk"].level is level


# --- Accounts -------------------------------------------------------------------------------------


@dataclass
class _Account:
    """An account whose provider answers as the test says."""

    register_error: SendError | None = None
    diagnosis: Diagnosis = field(
        default_factory=lambda: Diagnosis(health=Health.OK, summary="@bot receives by webhook.")
    )
    hangs: bool = False
    closed: bool = False

    async def register(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.register_error is not None:
            raise self.register_error

    async def check(self) -> Diagnosis:
        return self.diagnosis

    async def close(self) -> None:
        self.closed = True


_DEAD = Misconfigured("Telegram does not know this token.", cure="Ask @BotFather for a new one.")


@pytest.mark.parametrize(
    ("account", "level", "said", "cure"),
    [
        (_Account(), Level.GREEN, "@bot receives by webhook.", None),
        (
            _Account(register_error=_DEAD),
            Level.RED,
            "Telegram does not know this token.",
            "Ask @BotFather for a new one.",
        ),
        (
            _Account(register_error=Unreachable("Telegram cannot be reached.")),
            Level.RED,
            "Telegram cannot be reached.",
            "Try again in a moment.",
        ),
        (
            _Account(
                diagnosis=Diagnosis(health=Health.DEGRADED, summary="300 wait.", cure="Wait.")
            ),
            Level.YELLOW,
            "300 wait.",
            "Wait.",
        ),
        (
            _Account(
                diagnosis=Diagnosis(health=Health.DOWN, summary="No webhook.", cure="Set it.")
            ),
            Level.RED,
            "No webhook.",
            "Set it.",
        ),
        (
            _Account(hangs=True),
            Level.RED,
            "The provider did not answer in 0.01 seconds.",
            "Check the network.",
        ),
    ],
)
def test_an_account_is_as_its_provider_says(
    account: _Account,
    level: Level,
    said: str,
    cure: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def open_accounts(*_: object) -> Mapping[AccountKey, Any]:
        return {AccountKey("telegram", "main"): account}

    monkeypatch.setattr(doctor, "open_accounts", open_accounts)
    monkeypatch.setattr(doctor, "ACCOUNT_SECONDS", 0.01)

    found = _found()["telegram/main"]

    assert (found.level, found.said, found.cure) == (level, said, cure)
    assert account.closed


def test_an_account_whose_settings_are_wrong_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_CHANNELS__BLACKHOLE__MAIN__DELAY", "long")

    found = _found()["accounts"]

    assert found.level is Level.RED
    assert found.said == "channels.blackhole.main.delay: a number is needed."


def test_no_account_at_all_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUB_CHANNELS__BLACKHOLE__MAIN__WEBHOOK_SECRET")

    assert _found()["accounts"].level is Level.YELLOW


# --- Words ----------------------------------------------------------------------------------------


def test_the_cure_stands_below_its_finding_and_colours_are_for_terminals() -> None:
    findings = [
        Finding(level=Level.GREEN, what="disk", said="much"),
        Finding(level=Level.RED, what="schema", said="old", cure="Run `hub migrate`."),
    ]

    assert list(worded(findings)) == [
        "ok    disk    much",
        "FAIL  schema  old",
        "              Run `hub migrate`.",
    ]
    assert list(worded(findings, colours=True))[1] == "\x1b[31mFAIL\x1b[0m  schema  old"


# --- The telephone --------------------------------------------------------------------------------


def _telephone(url: str, *values: Any) -> Finding:
    """What is said of the telephone, once a prompt or a setting is so."""

    async def examined() -> Finding:
        database = Database(url)
        await database.open()
        try:
            async with database.write() as session:
                for value in values:
                    if isinstance(value, Setting):
                        await change_setting(session, value, actor="system", now=utc_now())
                    else:
                        session.add(value)
            return await doctor._telephone(load(None), database)
        finally:
            await database.close()

    return asyncio.run(examined())


def test_a_telephone_whose_lines_all_have_their_sounds_is_green(database_url: str) -> None:
    assert _telephone(database_url).level is Level.GREEN


def test_a_line_that_kazakh_callers_hear_in_russian_is_named(database_url: str) -> None:
    changed = Prompt(name="closed", language="kk", text="Жабық.", changed_at=utc_now())
    found = _telephone(database_url, changed)
    assert found.level is Level.YELLOW
    assert found.said.endswith("recording: closed.")


def test_an_account_for_sms_that_is_not_there_is_red(database_url: str) -> None:
    telephone = msgspec.structs.replace(as_delivered(Telephone), text_from="gone")
    assert "sms/gone" in _telephone(database_url, telephone).said


@pytest.mark.parametrize(
    ("wanted", "lacks", "level", "said", "cure"),
    [
        (
            "missing", "", Level.RED, "In {folder}/missing there is no model of Vosk.",
            "Unpack one there, correct transcripts.kk, or take the key away.",
        ),
        (
            "model", "vosk", Level.RED, "The package vosk is not installed.",
            "Install tereze[transcripts].",
        ),
        ("model", "", Level.GREEN, "Vosk has a model for each of: kk.", None),
    ],
)  # fmt: skip
def test_the_machine_that_writes_calls_down_is_looked_at_where_one_is_wanted(
    wanted: str, lacks: str, level: Level, said: str, cure: str | None,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    model(tmp_path / "model")
    monkeypatch.setenv("HUB_TRANSCRIPTS__KK", wanted)
    monkeypatch.setattr(
        "workers.vosk_transcriber.find_spec", lambda name: None if name == lacks else name
    )

    (found,) = doctor._transcripts(load(None))

    assert found.level is level
    assert (found.said, found.cure) == (said.format(folder=tmp_path), cure)
