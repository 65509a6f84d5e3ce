"""What a reply looks like in a request, and which accounts could carry it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from connectors.base import Connector, Initiates, SendError, Templates
from hub.api.appeals import PointBody
from hub.api.exchange import invalid, upload_ids
from hub.api.fields import Id, Text, UploadIds, Word
from hub.keys import CONNECTORS
from hub.problems import Problem, of_provider
from registry.appeals import Change
from registry.contacts import BadPoint, clean_point
from registry.ids import parse_id
from registry.replies import MAX_HOLD, Reach, Reply, Via
from registry.states import Outcome, Status
from registry.types import AccountKey, ChosenTemplate, ContactPoint


class TemplateBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """One of the account's approved templates, filled in."""

    id: Word
    language: Word
    variables: Annotated[dict[str, Annotated[str, Meta(max_length=1024)]], Meta(max_length=50)] = {}


class ViaBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Another way to the contact, of those that GET appeals/{number}/ways tells."""

    channel: Word
    account: Word
    point: PointBody | None = None


class ThenBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What becomes of the appeal with the reply, or not at all."""

    status: Status | UnsetType = UNSET
    outcome: Outcome | UnsetType | None = UNSET
    snoozed_until: Annotated[datetime, Meta(tz=True)] | UnsetType | None = UNSET


class ReplyBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What goes to the citizen: a text, uploads, or both; or a template alone."""

    text: Text = ""
    attachments: UploadIds = []
    template: TemplateBody | None = None
    private: Annotated[
        bool, Meta(description="Answers the author of a public comment privately, once.")
    ] = False
    via: Annotated[
        ViaBody | None,
        Meta(description="Another way than the appeal's own thread; the answer joins the appeal."),
    ] = None
    hold_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=int(MAX_HOLD.total_seconds()),
            description="Waits so long; until then DELETE messages/{id} takes it back.",
        ),
    ] = 0
    then: ThenBody | None = None
    seen_through: Annotated[
        Id | None,
        Meta(description="The newest message on the screen: a colleague's later answer is 409."),
    ] = None
    even_so: Annotated[bool, Meta(description="Whatever a colleague has answered.")] = False
    draft: Annotated[bool, Meta(description="It was the caller's draft, which goes with it.")] = (
        False
    )


class PreviewBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """A reply that is being written."""

    text: Text = ""
    private: bool = False
    via: ViaBody | None = None


def accounts_of(request: web.Request) -> Mapping[AccountKey, Reach]:
    """The accounts of the settings, as replies see them."""
    connectors = request.config_dict[CONNECTORS]
    return {key: _reach(connector) for key, connector in connectors.items()}


def reply_of(body: ReplyBody) -> Reply:
    """The registry's reply, its template not filled in yet. Raises: Problem (400)."""
    ids = upload_ids(body.attachments)
    if not body.text.strip() and not ids and body.template is None:
        raise invalid("text", "a reply needs a text, an attachment or a template.")
    if body.template is not None and (body.text.strip() or ids):
        raise invalid("template", "a template goes alone, without a text or attachments.")
    chosen = body.template
    return Reply(
        text=body.text,
        attachment_ids=ids,
        template=None
        if chosen is None
        else ChosenTemplate(id=chosen.id, language=chosen.language, variables=chosen.variables),
        private=body.private,
        via=via_of(body.via, private=body.private),
        hold=timedelta(seconds=body.hold_seconds),
        seen_through=None if body.seen_through is None else parse_id(body.seen_through),
        even_so=body.even_so,
        then=None if body.then is None else _then(body.then),
        drop_draft=body.draft,
    )


def via_of(body: ViaBody | None, *, private: bool) -> Via | None:
    """Another way. Raises: Problem (400)."""
    if body is None:
        return None
    if private:
        raise invalid("via", "a private reply goes where the comment is; leave one of them out.")
    point = None
    if body.point is not None:
        try:
            point = clean_point(ContactPoint(body.point.scheme, body.point.value))
        except BadPoint as error:
            raise Problem(400, "invalid", str(error), pointer="/via/point") from error
    return Via(channel=body.channel, account=body.account, point=point)


async def filled_in(connector: Connector | None, chosen: ChosenTemplate) -> str:
    """What the template reads as. Raises: Problem."""
    if connector is None:
        return ""  # there is nothing to ask: `queue_reply` tells why
    if not isinstance(connector, Templates) or not connector.capabilities.templates:
        reason, instead = "The appeal's channel knows no templates.", "Write the reply yourself."
        raise Problem(409, "no_templates", f"{reason} {instead}", reason=reason, instead=instead)
    try:
        known = await connector.templates()
    except SendError as error:
        raise of_provider(error) from error
    found = next((t for t in known if (t.id, t.language) == (chosen.id, chosen.language)), None)
    if found is None:
        raise invalid("template", f"the account has no template {chosen.id} in {chosen.language}.")
    missing = [name for name in found.variables if not chosen.variables.get(name, "").strip()]
    unknown = chosen.variables.keys() - set(found.variables)
    if missing or unknown:
        wrong = ", ".join([*missing, *sorted(unknown)])
        told = ", ".join(found.variables) or "none"
        raise invalid("template", f"its variables are {told}; look at {wrong}.")
    return _VARIABLE.sub(lambda m: chosen.variables.get(m[1], m[0]), found.text)


_VARIABLE = re.compile(r"\{\{(\w+)\}\}")


def _reach(connector: Connector) -> Reach:
    if isinstance(connector, Initiates):
        return Reach(capabilities=connector.capabilities, name_of=connector.name_of)
    return Reach(capabilities=connector.capabilities)


def _then(body: ThenBody) -> Change:
    until = body.snoozed_until
    if isinstance(until, datetime):
        try:
            until = until.astimezone(UTC)
        except OverflowError:
            raise invalid("then", "there is no such time in UTC.") from None
    return Change(status=body.status, outcome=body.outcome, snoozed_until=until)
