"""How an account gets in and stays in: sessions, rare logins, time limits, the proxy."""

import asyncio
import json
import logging
import stat
import time
import traceback

import pytest
from pydantic import SecretStr

from connectors.base import Health, Misconfigured, SendError, Throttled, Uncertain, Unreachable
from connectors.instagram.private import refusals as said
from connectors.instagram.private.account import FIRST_REST
from connectors.instagram.private.conftest import City
from connectors.instagram.private.refusals import refusal
from connectors.instagram.private.sandbox import VIEWER
from connectors.instagram.private.session import PURPOSE
from connectors.testing.sandbox import Failure
from registry.sealing import seal, unseal


@pytest.fixture
def city(newcomer: City) -> City:
    """Here the account logs in itself."""
    return newcomer


def kept(city: City) -> dict[str, object]:
    text = unseal(SecretStr(city.key), PURPOSE, city.session_file.read_text())
    assert text is not None
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def log_out(city: City) -> None:
    city.sandbox.sessions.clear()


# --- Sessions -----------------------------------------------------------------------------------


async def test_an_account_logs_in_once_and_keeps_its_session_sealed(city: City) -> None:
    await city.look()
    assert city.sandbox.logins == 1
    assert stat.S_IMODE(city.session_file.stat().st_mode) == 0o600
    sealed = city.session_file.read_text()
    session = kept(city)
    authorization = session["authorization_data"]
    assert isinstance(authorization, dict)
    assert authorization["sessionid"] not in sealed
    assert str(VIEWER) not in sealed
    assert [path.name for path in city.session_file.parent.iterdir()] == [city.session_file.name]


async def test_a_restart_goes_on_with_the_session_and_the_device(city: City) -> None:
    await city.look()
    first = kept(city)
    city.open()
    await city.look()
    assert city.sandbox.logins == 1
    assert kept(city)["uuids"] == first["uuids"]


@pytest.mark.parametrize("damage", ["other key", "cut off", "bytes", "no json"])
async def test_a_session_that_cannot_be_read_means_a_login_and_a_line_in_the_log(
    city: City, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    city.session_file.parent.mkdir()
    session = json.dumps(city.sandbox.session())
    match damage:
        case "other key":
            city.session_file.write_text(seal(SecretStr("another-key"), PURPOSE, session))
        case "cut off":
            city.session_file.write_text(seal(SecretStr(city.key), PURPOSE, session)[:-9])
        case "bytes":
            city.session_file.write_bytes(b"\xff\xfe\x00")
        case _:
            city.session_file.write_text(seal(SecretStr(city.key), PURPOSE, "[1]"))
    await city.look()
    assert city.sandbox.logins == 1
    assert "damaged or sealed with another key" in caplog.text
    assert kept(city)["authorization_data"]


async def test_a_folder_that_cannot_be_written_turns_the_account_red(city: City) -> None:
    (city.folder / "var").write_text("a file where a folder should be")
    with pytest.raises(Misconfigured, match="session cannot be used") as caught:
        await city.look()
    assert "session_file" in caught.value.cure


async def test_the_terms_are_warned_of_once_at_the_start(
    city: City, caplog: pytest.LogCaptureFixture
) -> None:
    await city.look()
    await city.look()
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "terms" in warnings[0].getMessage()


# --- Logged out ---------------------------------------------------------------------------------


async def test_a_lost_session_is_renewed_with_the_same_device(city: City) -> None:
    await city.look()
    before = kept(city)
    log_out(city)
    city.clock.pass_(hours=2)
    await city.look()
    assert city.sandbox.logins == 2
    assert kept(city)["uuids"] == before["uuids"]
    assert kept(city)["device_settings"] == before["device_settings"]
    assert kept(city)["authorization_data"] != before["authorization_data"]


async def test_nobody_logs_in_twice_in_an_hour_whatever_is_restarted(city: City) -> None:
    await city.look()
    log_out(city)
    city.clock.pass_(minutes=10)
    for _ in range(3):
        with pytest.raises(Misconfigured, match="logged the account out") as caught:
            await city.account.poll(city.cursor)
        assert "Instagram app" in caught.value.cure
        city.open()
        city.clock.pass_(minutes=10)
    assert city.sandbox.logins == 1
    city.clock.pass_(hours=1)
    await city.look()
    assert city.sandbox.logins == 2


async def test_the_session_of_another_process_is_taken_before_a_login(city: City) -> None:
    await city.look()
    first = city.account
    log_out(city)
    city.clock.pass_(hours=2)
    city.open()
    await city.look()
    assert city.sandbox.logins == 2
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.say("Сәлем")
    await first.send(city.message(citizen.thread))
    assert city.sandbox.logins == 2
    assert [heard.text for heard in citizen.received] == ["Жөнделеді."]


async def test_a_session_that_ends_while_a_reply_goes_out_costs_no_reply(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.say("Сәлем")
    await city.looks()
    log_out(city)
    city.clock.pass_(hours=2)
    await city.account.send(city.message(citizen.thread))
    assert len(citizen.received) == 1


# --- Logins that fail ---------------------------------------------------------------------------


async def test_a_wrong_password_is_tried_once_and_not_again_until_it_is_another(
    city: City,
) -> None:
    city.open(password="қате-құпиясөз")
    with pytest.raises(Misconfigured, match="name and password") as caught:
        await city.look()
    assert "channels.instagram.main.username" in caught.value.cure
    tried = city.sandbox.logins
    city.open(password="қате-құпиясөз")
    city.clock.pass_(minutes=30)
    with pytest.raises(Misconfigured, match="name and password") as caught:
        await city.look()
    assert "10:30 UTC" in caught.value.cure
    assert city.sandbox.logins == tried <= 2
    city.open()
    await city.look()
    assert city.sandbox.logins == tried + 1


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (said.CHALLENGE, "confirm"),
        (said.CHECKPOINT, "confirm"),
        (said.SUSPENDED, "suspended"),
        (said.SENTRY, "blocked the address"),
        (said.OUTDATED, "version of the app"),
    ],
)
async def test_what_a_login_is_refused_for_is_told_with_its_cure(
    city: City, refused: tuple[int, object], reason: str
) -> None:
    city.sandbox.login_refusal = refused
    with pytest.raises(Misconfigured, match=reason) as caught:
        await city.look()
    assert caught.value.cure
    assert city.sandbox.password not in "".join(traceback.format_exception(caught.value))


async def test_two_factor_is_told_and_asks_nobody(city: City) -> None:
    city.sandbox.two_factor = True
    with pytest.raises(Misconfigured, match="two-factor") as caught:
        await city.look()
    assert 'mode = "graph"' in caught.value.cure


async def test_a_login_that_instagram_delays_is_a_pause(city: City) -> None:
    city.sandbox.login_refusal = said.PLEASE_WAIT
    with pytest.raises(Throttled):
        await city.look()
    city.open()
    with pytest.raises(Throttled):
        await city.look()
    assert city.sandbox.logins == 1


async def test_a_login_that_never_reached_instagram_may_be_tried_again_at_once(
    city: City,
) -> None:
    city.sandbox.fail_next(Failure.html(), times=None)
    with pytest.raises(Unreachable):
        await city.look()
    city.sandbox.heal()
    await city.look()
    assert city.sandbox.logins == 1


async def test_a_person_who_must_act_is_left_time_and_instagram_in_peace(city: City) -> None:
    await city.look()
    city.sandbox.fail_next(refusal(said.CHALLENGE), times=None)
    with pytest.raises(Misconfigured):
        await city.look()
    calls = len(city.sandbox.calls)
    city.sandbox.heal()
    for _ in range(5):
        city.clock.pass_(minutes=1)
        with pytest.raises(Misconfigured):
            await city.look()
        assert (await city.account.check()).health is Health.DOWN
    assert len(city.sandbox.calls) == calls
    city.clock.pass_(seconds=FIRST_REST.total_seconds())
    await city.look()
    assert (await city.account.check()).health is Health.OK


# --- Time ---------------------------------------------------------------------------------------


async def test_a_request_timeout_is_no_sleep_and_no_second_send(city: City) -> None:
    citizen = city.sandbox.citizen(name="Айгүл")
    await citizen.say("Сәлем")
    await city.looks()
    city.sandbox.fail_next(
        Failure(status=408, body={}, takes_effect=True), where=lambda call: "broadcast" in call.path
    )
    began = time.monotonic()
    with pytest.raises(Uncertain):
        await city.account.send(city.message(citizen.thread))
    assert time.monotonic() - began < 5
    assert len(citizen.received) == 1


async def test_an_answer_that_breaks_off_is_not_asked_for_again(city: City) -> None:
    await city.look()
    calls = len(city.sandbox.calls)
    broken = Failure(
        status=200,
        body=b'{"inbox": ',
        headers={"Content-Type": "application/json"},
    )
    city.sandbox.fail_next(broken)
    with pytest.raises(Unreachable):
        await city.look()
    assert len(city.sandbox.calls) == calls + 1


async def test_closing_does_not_wait_for_a_call_that_hangs(city: City) -> None:
    await city.look()
    released = asyncio.Event()
    city.sandbox.fail_next(Failure.hang(released))
    calls = len(city.sandbox.calls)
    poll = asyncio.create_task(city.page())
    await city.sandbox.until(lambda: len(city.sandbox.calls) > calls)
    began = time.monotonic()
    await city.account.close()
    await city.account.close()
    assert time.monotonic() - began < 1
    released.set()
    await asyncio.wait([poll])
    with pytest.raises(SendError):
        await city.account.poll(city.cursor)


async def test_every_address_waits_only_so_long(city: City) -> None:
    """Also those that the library gives no time limit at all: the keys for the password."""
    city.account.timeout = 0.3
    city.sandbox.fail_next(Failure.hang(), where=lambda call: call.path.endswith("/qe/sync/"))
    with pytest.raises(Unreachable):
        await city.look()


# --- Where calls go -----------------------------------------------------------------------------


async def test_the_session_goes_to_nobody_else(city: City) -> None:
    await city.look()
    calls = len(city.sandbox.calls)
    elsewhere = Failure(status=302, headers={"Location": "https://example.com/steal"})
    city.sandbox.fail_next(elsewhere, times=None)
    with pytest.raises(Unreachable):
        await city.look()
    assert len(city.sandbox.calls) == calls + 1


async def test_a_proxy_is_used_and_its_password_never_shown(
    city: City, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    city.open(proxy=f"http://hub:proxy-secret-109@127.0.0.1:{port}")
    with caplog.at_level("DEBUG"), pytest.raises(SendError) as caught:
        await city.look()
    server.close()
    await server.wait_closed()
    assert city.sandbox.calls == []
    assert heard[0].startswith(b"POST http://127.0.0.1")
    assert b"Proxy-Authorization: Basic" in heard[0]
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "proxy-secret-109" not in told


async def test_a_proxy_that_is_not_there_is_unreachable(city: City) -> None:
    city.open(proxy="http://hub:proxy-secret-109@127.0.0.1:9")
    with pytest.raises(Unreachable) as caught:
        await city.look()
    assert "proxy-secret-109" not in "".join(traceback.format_exception(caught.value))


async def test_nothing_of_a_session_or_a_password_comes_into_the_log(
    city: City, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level("DEBUG"):
        citizen = city.sandbox.citizen(name="Айгүл")
        await citizen.say("Құпия хабар")
        await city.looks()
        await city.account.send(city.message(citizen.thread))
    shown = caplog.text + capsys.readouterr().out
    for secret in (city.sandbox.password, *city.sandbox.sessions, "Құпия хабар"):
        assert secret not in shown


async def test_instagrams_own_transport_keeps_to_the_time_and_tells_what_was_not_sent(
    city: City,
) -> None:
    """Over https the app's HTTP/2 is spoken, through curl."""
    city.open(api_base="https://127.0.0.1:9")
    with pytest.raises(Unreachable, match="cannot be reached"):
        await city.look()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    account = city.open(api_base=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    account.timeout = 0.3
    began = time.monotonic()
    with pytest.raises(Unreachable):
        await city.look()
    assert time.monotonic() - began < 5
    server.close()
    await account.close()
