"""The demo: a town that is always the same, writes real appeals, and answers an operator."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from hub.__main__ import main
from hub.demo import Story, stories

TOWN = list(islice(stories(), 60))


def test_the_town_is_the_same_at_every_run() -> None:
    assert list(islice(stories(), 60)) == TOWN
    assert list(islice(stories(seed=1), 60)) != TOWN


def test_the_town_speaks_kazakh_russian_and_a_little_english() -> None:
    languages = [story.language for story in TOWN]

    assert set(languages) == {"kk", "ru", "en"}
    assert languages.count("kk") > 15
    assert languages.count("ru") > 15
    assert any(_mixed(story) for story in TOWN)


def test_the_town_sends_everything_that_citizens_send() -> None:
    verbs = {verb for story in TOWN for step in story.steps for verb in step}

    assert verbs == {"start", "say", "photo", "album", "voice", "location", "edit", "wait"}


def test_every_address_is_filled_in() -> None:
    told = [str(step) for story in TOWN for step in story.steps] + [s.details for s in TOWN]

    assert not [line for line in told if "{" in line.removeprefix("{").removesuffix("}")]


def test_a_port_that_is_taken_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["demo", "--port", str(port)]) != 0

    assert f"--port: cannot listen on 127.0.0.1:{port}: " in capsys.readouterr().err


def _mixed(story: Story) -> bool:
    """Whether somebody writes Kazakh and Russian in one breath."""
    said = " ".join(str(step.get("say", "")) for step in story.steps).lower()
    return bool(re.search("[әғқңөұүһі]", said)) and bool(re.search(r"\b(уже|пожалуйста)\b", said))


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The real command, many times faster than life."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith("HUB_")}
    options = ["--port", "0", "--speed", "40", "--data", str(tmp_path / "data")]
    process = subprocess.Popen(
        [sys.executable, "-m", "hub", "demo", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    yield process
    process.kill()
    process.communicate()


def test_the_demo_registers_appeals_and_its_citizens_answer(
    demo: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert demo.stdout is not None
    welcome = _welcome(demo)
    address = re.search(r"at (http://127\.0\.0\.1:\d+),", welcome)[1]  # type: ignore[index]
    token = re.search(r"TOKEN=(hub_\S+)", welcome)[1]  # type: ignore[index]

    # The first citizen who only says something hears the operator next.
    said = next(line for line in demo.stdout if " say " in line)
    name = said[:22].strip()
    number = next(number for number, who in _waiting_for(demo, address, token, name))
    _api(address, token, f"/appeals/{number}/replies", {"text": "Қай жерде екенін айтасыз ба?"})

    question = "Қай жерде екенін айтасыз ба?"
    lines = (line for line in demo.stdout if line.startswith(name))
    read = next(line for line in lines if " reads " in line and "/t/" not in line)
    answer = next(line for line in lines if " answers " in line)
    assert question in read
    assert answer.split(" answers ", 1)[1].strip()

    demo.send_signal(signal.SIGINT)
    _, logged = demo.communicate(timeout=60)
    assert demo.returncode == 0
    assert "error" not in logged, logged
    assert (tmp_path / "data" / "var" / "hub.db").exists()


def _welcome(demo: subprocess.Popen[str]) -> str:
    """What the demo says at its start, to the last line; fails when it ends before."""
    assert demo.stdout is not None
    said = ""
    for line in demo.stdout:
        said += line
        if line == "Ctrl+C stops it.\n":
            return said
    raise AssertionError(f"the demo ended: {said}{demo.communicate()[1]}")


def _waiting_for(
    demo: subprocess.Popen[str], address: str, token: str, name: str
) -> Iterator[tuple[str, str]]:
    """The appeals of a citizen; looked for again whenever the town does something."""
    assert demo.stdout is not None
    for _ in demo.stdout:
        for item in _api(address, token, "/appeals?limit=100")["items"]:
            if item["contact"]["name"] == name:
                yield item["number"], name


def _api(address: str, token: str, path: str, body: object = None) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    if body is not None:
        headers |= {"Content-Type": "application/json", "Idempotency-Key": "the-only-one"}
    request = urllib.request.Request(
        f"{address}/api/v1{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers=headers,
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)
