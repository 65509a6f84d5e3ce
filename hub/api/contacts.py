"""Contacts: who somebody is, what colleagues note of them, and two who are found to be one."""

from typing import Annotated

import structlog
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from hub.api.changing import undo_header
from hub.api.exchange import id_of, invalid, json_response, nothing, read_body
from hub.api.fields import Id, Language, Word
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE
from hub.problems import Problem
from registry.contacts.card import Card, get_card
from registry.contacts.changing import (
    ContactChange,
    add_contact_note,
    change_contact,
    delete_contact_note,
)
from registry.contacts.merging import merge_contacts, unmerge_contacts
from registry.ids import parse_id
from registry.operators import Role

log = structlog.get_logger(__name__)


class ContactChangeBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to become of a contact; a field that is absent stays as it is."""

    name: Word | UnsetType = UNSET
    language: Annotated[
        Language | UnsetType | None, Meta(description="null lets what they write decide again.")
    ] = UNSET
    blocked: Annotated[
        bool | UnsetType, Meta(description="What a blocked person writes is in nobody's queue.")
    ] = UNSET


class ContactNoteBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What colleagues should know of a person."""

    text: Annotated[str, Meta(max_length=5000)]


class ContactMergeBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Who the person is."""

    into: Id


async def get(request: web.Request) -> web.Response:
    """`GET contacts/{id}`."""
    async with request.config_dict[DATABASE].read() as session:
        card = await get_card(session, id_of(request, "contact"), by=request[PRINCIPAL])
    return json_response(card)


async def change(request: web.Request) -> web.Response:
    """`PATCH contacts/{id}`."""
    contact_id, principal = id_of(request, "contact"), request[PRINCIPAL]
    body = await read_body(request, ContactChangeBody)
    if isinstance(body.name, str) and not body.name.strip():
        raise invalid("name", "a name needs a letter.")
    wanted = ContactChange(name=body.name, language=body.language, blocked=body.blocked)
    async with request.config_dict[DATABASE].write() as session:
        entry = await change_contact(
            session, contact_id, wanted, by=principal, now=request.config_dict[CLOCK]()
        )
        card = await get_card(session, contact_id, by=principal)
    log.info("contact changed", contact=card.id, actor=principal.actor)
    return json_response(card, headers=undo_header(entry))


async def note(request: web.Request) -> web.Response:
    """`POST contacts/{id}/notes`."""
    contact_id, principal = id_of(request, "contact"), request[PRINCIPAL]
    body = await read_body(request, ContactNoteBody)
    if not body.text.strip():
        raise invalid("text", "a note needs a text.")
    async with request.config_dict[DATABASE].write() as session:
        await add_contact_note(
            session, contact_id, body.text, by=principal, now=request.config_dict[CLOCK]()
        )
        card = await get_card(session, contact_id, by=principal)
    return json_response(card, status=201)


async def delete_note(request: web.Request) -> web.Response:
    """`DELETE contacts/{id}/notes/{note}`."""
    contact_id, named = id_of(request, "contact"), request.match_info["note"]
    note_id = parse_id(named)
    if note_id is None:
        raise Problem(404, "not_found", f"There is no note {named}.")
    async with request.config_dict[DATABASE].write() as session:
        await delete_contact_note(
            session, contact_id, note_id, by=request[PRINCIPAL], now=request.config_dict[CLOCK]()
        )
    return nothing()


async def merge(request: web.Request) -> web.Response:
    """`POST contacts/{id}/merge`: answers the card of the one who stays."""
    contact_id, principal = id_of(request, "contact"), request[PRINCIPAL]
    body = await read_body(request, ContactMergeBody)
    async with request.config_dict[DATABASE].write() as session:
        merged, entry = await merge_contacts(
            session, contact_id, int(body.into), by=principal, now=request.config_dict[CLOCK]()
        )
        card = await get_card(session, merged.into_id, by=principal)
    log.info("contacts merged", contact=str(contact_id), into=card.id, actor=principal.actor)
    return json_response(card, headers=undo_header(entry))


async def unmerge(request: web.Request) -> web.Response:
    """`POST contact-merges/{id}/undo`: answers the card of the one who is back."""
    merge_id, principal = id_of(request, "merge of contacts"), request[PRINCIPAL]
    async with request.config_dict[DATABASE].write() as session:
        back, _ = await unmerge_contacts(
            session, merge_id, by=principal, now=request.config_dict[CLOCK]()
        )
        card = await get_card(session, back.id, by=principal)
    log.info("merge of contacts undone", contact=card.id, actor=principal.actor)
    return json_response(card)


ROUTES = (
    Route(
        method="GET",
        path="/contacts/{id}",
        handler=get,
        role=Role.OPERATOR,
        summary="A person: points, notes, and what they brought before.",
        returns=Card,
        problems=(404,),
    ),
    Route(
        method="PATCH",
        path="/contacts/{id}",
        handler=change,
        role=Role.OPERATOR,
        summary="Name a person, say what they speak, or block them.",
        takes=ContactChangeBody,
        returns=Card,
        undoable=True,
        problems=(400, 404, 413, 415),
    ),
    Route(
        method="POST",
        path="/contacts/{id}/notes",
        handler=note,
        role=Role.OPERATOR,
        summary="Write down what colleagues should know of a person.",
        takes=ContactNoteBody,
        status=201,
        returns=Card,
        problems=(400, 404, 413, 415),
    ),
    Route(
        method="DELETE",
        path="/contacts/{id}/notes/{note}",
        handler=delete_note,
        role=Role.OPERATOR,
        summary="Take such a note away; the journal keeps it.",
        status=204,
        problems=(404,),
    ),
    Route(
        method="POST",
        path="/contacts/{id}/merge",
        handler=merge,
        role=Role.OPERATOR,
        summary="Say that two contacts are one person.",
        takes=ContactMergeBody,
        returns=Card,
        undoable=True,
        problems=(400, 404, 409, 413, 415),
    ),
    Route(
        method="POST",
        path="/contact-merges/{id}/undo",
        handler=unmerge,
        role=Role.OPERATOR,
        summary="Give back to a person what was theirs before they were merged.",
        returns=Card,
        problems=(404, 409),
    ),
)
