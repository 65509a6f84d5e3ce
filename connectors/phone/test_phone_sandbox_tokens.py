"""Twilio's stand-in takes the access tokens that Twilio takes."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest

from connectors.phone.sandbox import (
    ACCOUNT_SID,
    API_KEY_SECRET,
    API_KEY_SID,
    APPLICATION_SID,
    PhoneSandbox,
    TokenRefused,
)

HEADER = {"typ": "JWT", "alg": "HS256", "cty": "twilio-fpa;v=1"}
VOICE = {"incoming": {"allow": True}, "outgoing": {"application_sid": APPLICATION_SID}}


def token(
    twilio: PhoneSandbox,
    *,
    header: dict[str, Any] | None = None,
    secret: str = API_KEY_SECRET,
    grants: Any = None,
    **claims: Any,
) -> str:
    now = int(twilio.time().timestamp())
    payload = {
        "jti": f"{API_KEY_SID}-{now}",
        "iss": API_KEY_SID,
        "sub": ACCOUNT_SID,
        "nbf": now,
        "exp": now + 3600,
        "grants": grants or {"identity": "operator_17", "voice": VOICE},
    }
    parts = [header or HEADER, {**payload, **claims}]
    signed = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    digest = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{encoded(digest)}"


def encoded(part: bytes) -> str:
    return urlsafe_b64encode(part).rstrip(b"=").decode()


async def test_a_good_token_opens_the_softphone_until_it_ends(twilio: PhoneSandbox) -> None:
    device = twilio.device("client:operator_17")
    opened = device.register(token(twilio))
    assert (opened.identity, opened.incoming) == ("operator_17", True)
    assert opened.application == APPLICATION_SID
    await twilio.pass_time(3599)
    assert device.reachable
    await twilio.pass_time(1)
    assert not device.reachable


async def test_a_token_without_incoming_calls_rings_nowhere(twilio: PhoneSandbox) -> None:
    device = twilio.device("client:operator_17")
    device.register(token(twilio, grants={"identity": "operator_17", "voice": {}}))
    assert not device.reachable


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"header": {"typ": "JWT", "alg": "HS256"}}, 20102),
        ({"header": {**HEADER, "alg": "none"}}, 20102),
        ({"iss": "SK0"}, 20103),
        ({"iss": ["a"]}, 20103),
        ({"sub": "AC0"}, 20103),
        ({"exp": 1}, 20104),
        ({"exp": None}, 20104),
        ({"exp": 2**33}, 20157),
        ({"nbf": 2**32, "exp": 2**32 + 10}, 20105),
        ({"grants": {"voice": VOICE}}, 20106),
        ({"grants": {"identity": "operator_17"}}, 20106),
        ({"grants": [1]}, 20106),
        (
            {
                "grants": {
                    "identity": "a",
                    "voice": {"outgoing": {"application_sid": "AP0"}},
                }
            },
            20106,
        ),
        ({"grants": {"identity": "operator-17", "voice": VOICE}}, 31105),
        ({"grants": {"identity": "a" * 122, "voice": VOICE}}, 31105),
        ({"secret": "another"}, 20107),
    ],
    ids=range(16),
)
async def test_a_token_that_is_not_as_it_must_be_is_refused(
    changes: dict[str, Any], code: int, twilio: PhoneSandbox
) -> None:
    with pytest.raises(TokenRefused) as refused:
        twilio.device("client:operator_17").register(token(twilio, **changes))
    assert refused.value.code == code


@pytest.mark.parametrize("text", ["", "a.b.c", "..", "e30.e30.", "é.e30.e30", "W10.W10.W10"])
async def test_what_is_no_token_is_refused(text: str, twilio: PhoneSandbox) -> None:
    with pytest.raises(TokenRefused) as refused:
        twilio.device("client:operator_17").register(text)
    assert refused.value.code in {20101, 20102}


async def test_a_token_is_for_one_device(twilio: PhoneSandbox) -> None:
    with pytest.raises(ValueError, match="operator_17"):
        twilio.device("client:operator_18").register(token(twilio))
