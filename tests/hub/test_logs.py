"""Logs: one line for each event, in the form that suits who reads it, and never a secret."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from config.settings import BusTable, DatabaseTable, Log, Settings
from hub import logs

TOKEN = "7012345678:AAF-nobody-may-read-this"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave logging as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _settings(**log: Any) -> Settings:
    return Settings(
        secret_key=SecretStr("k" * 40),
        database=DatabaseTable(url=SecretStr("postgresql://hub:database-word@db/hub")),
        bus=BusTable(url="nats://hub:bus-password@bus:4222"),
        channels={"telegram": {"main": {"token": TOKEN, "mode": "polling", "short_token": "ab"}}},
        log=Log(**log),
    )


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_log_store_gets_one_json_object_a_line() -> None:
    stream = io.StringIO()
    logs.set_up(stream=stream)
    log = structlog.get_logger("hub.test")

    with structlog.contextvars.bound_contextvars(envelope="e1"):
        log.info("stored", number="ALM-2026-0000001", text="Сәлем", at=SecretStr("x"))
    logging.getLogger("library").warning("it says %s", "so")

    ours, theirs = _lines(stream)
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {
        "event": "stored",
        "level": "info",
        "envelope": "e1",
        "number": "ALM-2026-0000001",
        "text": "Сәлем",
        "at": logs.MASK,
    }
    assert (theirs["event"], theirs["level"], theirs["logger"]) == (
        "it says so",
        "warning",
        "library",
    )


def test_eyes_get_words_on_a_terminal() -> None:
    stream = _Terminal()
    logs.set_up(stream=stream)

    structlog.get_logger("hub.test").info("stored", number="ALM-2026-0000001")

    assert "stored" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize(("form", "is_json"), [("json", True), ("console", False)])
def test_the_settings_choose_the_form_and_the_level(form: str, is_json: bool) -> None:
    stream = _Terminal() if is_json else io.StringIO()
    logs.set_up(_settings(format=form, level="warning"), stream=stream)
    log = structlog.get_logger("hub.test")

    log.info("too quiet")
    log.warning("loud enough")
    logging.getLogger("library").info("too quiet")

    assert "too quiet" not in stream.getvalue()
    assert stream.getvalue().startswith("{") == is_json


def test_what_sounds_secret_is_masked_however_deep_it_lies() -> None:
    stream = io.StringIO()
    logs.set_up(stream=stream)

    structlog.get_logger("hub.test").info(
        "called",
        webhook_secret="s3cr3t",
        headers={"Authorization": "Bearer s3cr3t", "Accept": "*/*"},
        accounts=[{"access_token": "s3cr3t"}],
        idempotency_key="k1",
        password=None,
    )

    assert "s3cr3t" not in stream.getvalue()
    (line,) = _lines(stream)
    assert line["headers"] == {"Authorization": logs.MASK, "Accept": "*/*"}
    assert line["accounts"] == [{"access_token": logs.MASK}]
    assert line["idempotency_key"] == "k1"
    assert line["password"] is None


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_secret_of_the_settings_is_taken_out_of_any_line(form: str) -> None:
    stream = io.StringIO()
    logs.set_up(_settings(format=form), stream=stream)
    secrets = [TOKEN, "k" * 40, "database-word", "bus-password"]

    for secret in secrets:
        logging.getLogger("library").warning("GET https://api.example/bot%s/getMe", secret)
        structlog.get_logger("hub.test").warning(f"it was {secret}")
        try:
            raise ValueError(f"refused: {secret}")
        except ValueError:
            structlog.get_logger("hub.test").exception("fell")
            logging.getLogger("library").exception("fell")

    written = stream.getvalue()
    assert written.count(logs.MASK) >= 4 * len(secrets)
    for secret in secrets:
        assert secret not in written


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_shows_no_variables(form: str) -> None:
    stream = io.StringIO()
    logs.set_up(_settings(format=form), stream=stream)
    hidden = "a word made here"[::-1]

    try:
        raise ValueError("a fault" if hidden else "none")
    except ValueError:
        structlog.get_logger("hub.test").exception("fell")

    assert "a fault" in stream.getvalue()
    assert hidden not in stream.getvalue()


def test_libraries_do_not_tell_their_everyday_news() -> None:
    stream = io.StringIO()
    logs.set_up(stream=stream)

    logging.getLogger("apscheduler.scheduler").info("Added job")
    logging.getLogger("aiohttp.access").info("GET /")
    logging.getLogger("aiogram.event").warning("a warning")
    try:
        raise asyncio.CancelledError
    except asyncio.CancelledError:
        logging.getLogger("apscheduler.executors").exception("a job was cancelled")

    assert [line["event"] for line in _lines(stream)] == ["a warning"]
