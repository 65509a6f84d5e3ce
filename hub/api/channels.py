"""Channels: how every account is, whether it is in the settings or only in the past."""

from datetime import datetime, timedelta
from enum import StrEnum

from aiohttp import web
from msgspec import Struct

from connectors.base import Connector, SendError, Templates
from hub.api.exchange import json_response, read_body
from hub.api.keys import PRINCIPAL
from hub.keys import BUS, CLOCK, CONNECTORS, DATABASE
from hub.problems import Problem, of_provider
from registry.accounts import Sends, account_states, count_sends, resume, stop
from registry.inbox import count_waiting
from registry.models import AccountState
from registry.types import AccountKey, Capabilities
from workers.bus import Topic


class Health(StrEnum):
    """How an account is."""

    OK = "ok"
    DEGRADED = "degraded"
    """It works, with a warning."""
    DOWN = "down"
    UNKNOWN = "unknown"
    """Never checked, and nothing carried yet."""


class Channel(Struct, frozen=True, kw_only=True):
    """One account of ours."""

    channel: str
    account: str
    configured: bool
    """Whether it is in the settings; one that is not carries nothing."""
    health: Health
    summary: str
    cure: str | None
    """What a person must do about it."""
    checked_at: datetime | None
    last_in_at: datetime | None
    last_out_at: datetime | None
    paused_until: datetime | None
    """The provider asked for a pause: nothing is sent before."""
    stopped_at: datetime | None
    """Since when a person keeps it from sending and from being polled."""
    stopped_by: str
    queued: int
    """Replies that wait to be sent."""
    accepted_today: int
    """Replies accepted within the last 24 hours."""
    failed_today: int
    """Of those: what did not arrive, or of which nobody knows."""
    can_send: bool
    """Whether replies go out: an account can be red for what it does not bring."""
    details: dict[str, str]
    """What the provider tells of it: names, days, money left."""
    capabilities: Capabilities | None
    """What it carries, `public` of it in public threads; None where it is not in the settings."""


class Channels(Struct, frozen=True, kw_only=True):
    """Every account."""

    items: list[Channel]


class PauseBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to become of an account."""

    paused: bool


class TemplateShown(Struct, frozen=True, kw_only=True):
    """A text that the provider has approved, in one language."""

    id: str
    language: str
    name: str
    text: str
    """Its variables stand in double braces."""
    variables: list[str]


class TemplateList(Struct, frozen=True, kw_only=True):
    """An account's templates."""

    items: list[TemplateShown]


async def templates(request: web.Request) -> web.Response:
    """`GET channels/{channel}/{account}/templates`."""
    key = AccountKey(request.match_info["channel"], request.match_info["account"])
    connector = request.config_dict[CONNECTORS].get(key)
    if connector is None:
        raise Problem(404, "not_found", f"There is no account {key}.")
    if not isinstance(connector, Templates) or not connector.capabilities.templates:
        return json_response(TemplateList(items=[]))
    try:
        found = await connector.templates()
    except SendError as error:
        raise of_provider(error) from error
    return json_response(
        TemplateList(
            items=[
                TemplateShown(
                    id=one.id,
                    language=one.language,
                    name=one.name,
                    text=one.text,
                    variables=list(one.variables),
                )
                for one in found
            ]
        )
    )


async def list_(request: web.Request) -> web.Response:
    """`GET channels`."""
    return json_response(await read_channels(request))


async def change(request: web.Request) -> web.Response:
    """`PATCH channels/{channel}/{account}`: pause it, or let it work again."""
    key = AccountKey(request.match_info["channel"], request.match_info["account"])
    body = await read_body(request, PauseBody)
    if key not in request.config_dict[CONNECTORS]:
        raise Problem(404, "not_found", f"There is no account {key}.")
    act = stop if body.paused else resume
    async with request.config_dict[DATABASE].write() as session:
        await act(session, key, by=request[PRINCIPAL], now=request.config_dict[CLOCK]())
    request.config_dict[BUS].wake(Topic.OUTBOX)
    found = await read_channels(request)
    return json_response(
        next(one for one in found.items if AccountKey(one.channel, one.account) == key)
    )


async def read_channels(request: web.Request) -> Channels:
    """Every account, as it is now."""
    configured = request.config_dict[CONNECTORS]
    since = request.config_dict[CLOCK]() - timedelta(days=1)
    async with request.config_dict[DATABASE].read() as session:
        states = await account_states(session)
        queued = await count_waiting(session)
        sends = await count_sends(session, since=since)
    items = [
        _shown(
            key,
            states.get(key),
            configured.get(key),
            queued=queued.get(key, 0),
            sends=sends.get(key, Sends(accepted=0, failed=0)),
        )
        for key in sorted({*configured, *states, *queued})
    ]
    return Channels(items=items)


def _shown(
    key: AccountKey,
    state: AccountState | None,
    connector: Connector | None,
    *,
    queued: int,
    sends: Sends,
) -> Channel:
    health, summary, cure = Health.UNKNOWN, "Nothing has been checked or carried yet.", None
    if state is None:
        state = AccountState(channel=key.channel, account=key.account)
    else:
        health, summary, cure = Health(state.health), state.summary, state.cure
    if connector is None:
        health, summary = Health.DOWN, f"The account {key} is not in the settings."
        cure = "Add it to the settings again, or answer its citizens another way."
    return Channel(
        channel=key.channel,
        account=key.account,
        configured=connector is not None,
        health=health,
        summary=summary,
        cure=cure,
        checked_at=state.checked_at,
        last_in_at=state.last_in_at,
        last_out_at=state.last_out_at,
        paused_until=state.paused_until,
        stopped_at=state.stopped_at,
        stopped_by=state.stopped_by,
        queued=queued,
        accepted_today=sends.accepted,
        failed_today=sends.failed,
        can_send=connector is not None and state.can_send,
        capabilities=None if connector is None else connector.capabilities,
        details=state.details,
    )
