"""The work of a shift: the next appeal, many changes at once, dividing, merging, and undo."""

from collections.abc import Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from hub.api.changing import UNDO, ChangeBody, change_of, undo_header
from hub.api.exchange import PREFIX, json_response, nothing, number_of, read_body
from hub.api.fields import Id, Line, Number, Word
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.api.saying import said_to
from hub.keys import CLOCK, DATABASE, SETTINGS
from hub.problems import Problem, of_registry
from registry import inbox
from registry.appeals import Division, change_appeal, merge_appeal, split_appeal, take_next
from registry.errors import RegistryError, Unavailable
from registry.inbox import get_summary
from registry.operators import Role
from registry.undoing import undo

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 200
"""Appeals that one request changes."""


class SplitBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which messages become an appeal of their own."""

    messages: Annotated[list[Id], Meta(min_length=1, max_length=1000)]
    subject: Annotated[
        Line, Meta(description="Empty for the beginning of the first of the messages.")
    ] = ""
    category: Word | None = None


class MergeBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which appeal takes the messages."""

    into: Number
    across_contacts: Annotated[
        bool, Meta(description="Confirms that they are of two different people.")
    ] = False


class BulkBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """One change of many appeals."""

    numbers: Annotated[list[Number], Meta(min_length=1, max_length=MOST_AT_ONCE)]
    change: ChangeBody


class UndoBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to be taken back."""

    keys: Annotated[
        list[Id],
        Meta(
            min_length=1,
            max_length=MOST_AT_ONCE,
            description=f"From the header {UNDO}, or from the answer to a change of many.",
        ),
    ]


class WhyNot(Struct, frozen=True, kw_only=True):
    """Why one of many was refused, as a problem of its own would say it."""

    status: int
    code: str
    detail: str
    said: str | UnsetType = UNSET
    """The same in the language of who has signed in."""


class Done(Struct, frozen=True, kw_only=True):
    """What became of one of many."""

    number: str | None
    """None where a key is no appeal's."""
    ok: bool
    undo: str | None
    """The key by which it is undone; None for what changed nothing."""
    problem: WhyNot | None


class DoneAll(Struct, frozen=True, kw_only=True):
    """What became of many, in the order in which they were named."""

    items: list[Done]


async def take(request: web.Request) -> web.Response:
    """`POST appeals/next`: of any number who ask at once, each gets another appeal."""
    principal = request[PRINCIPAL]
    async with request.config_dict[DATABASE].write() as session:
        taken = await take_next(session, by=principal, now=request.config_dict[CLOCK]())
        if taken is None:
            return nothing()
        number, entry = taken
        shown = await get_summary(session, number)
    log.info("next appeal", appeal=number, actor=principal.actor)
    return json_response(shown, headers=undo_header(entry))


async def split(request: web.Request) -> web.Response:
    """`POST appeals/{number}/split`."""
    number, principal = number_of(request), request[PRINCIPAL]
    body = await read_body(request, SplitBody)
    settings = request.config_dict[SETTINGS]
    async with request.config_dict[DATABASE].write() as session:
        own, entry = await split_appeal(
            session,
            number,
            Division(
                message_ids=tuple(int(id_) for id_ in body.messages),
                subject=body.subject,
                category=body.category,
            ),
            by=principal,
            prefix=settings.numbers.prefix,
            zone=ZoneInfo(settings.timezone),
            now=request.config_dict[CLOCK](),
        )
        shown = await get_summary(session, own.number)
    log.info("appeal split", appeal=number, into=own.number, actor=principal.actor)
    location = {"Location": f"{PREFIX}/appeals/{own.number}"}
    return json_response(shown, status=201, headers={**location, **undo_header(entry)})


async def merge(request: web.Request) -> web.Response:
    """`POST appeals/{number}/merge`: answers the appeal that has the messages now."""
    number, principal = number_of(request), request[PRINCIPAL]
    body = await read_body(request, MergeBody)
    async with request.config_dict[DATABASE].write() as session:
        entry = await merge_appeal(
            session,
            number,
            body.into,
            across_contacts=body.across_contacts,
            by=principal,
            now=request.config_dict[CLOCK](),
        )
        shown = await get_summary(session, body.into)
    log.info("appeal merged", appeal=number, into=body.into, actor=principal.actor)
    return json_response(shown, headers=undo_header(entry))


async def bulk(request: web.Request) -> web.Response:
    """`POST appeals/bulk`: each of the appeals for itself; what one refuses changes no other."""
    principal, now = request[PRINCIPAL], request.config_dict[CLOCK]()
    body = await read_body(request, BulkBody)
    done: dict[str, Done] = {}
    async with request.config_dict[DATABASE].write() as session:
        change = await change_of(session, body.change, principal)
        # In one order everywhere, so that two such requests never wait for each other.
        for number in sorted(set(body.numbers)):
            try:
                async with session.begin_nested():
                    entry = await change_appeal(session, number, change, by=principal, now=now)
            except Unavailable:
                raise
            except RegistryError as error:
                done[number] = _refused(request, number, of_registry(error))
            else:
                done[number] = Done(
                    number=number, ok=True, undo=None if entry is None else str(entry), problem=None
                )
    log.info("appeals changed", appeals=len(done), actor=principal.actor)
    return json_response(DoneAll(items=[done[number] for number in dict.fromkeys(body.numbers)]))


async def take_back(request: web.Request) -> web.Response:
    """`POST undo`: what nobody has changed since goes back, the latest first."""
    principal, now = request[PRINCIPAL], request.config_dict[CLOCK]()
    body = await read_body(request, UndoBody)
    done: dict[str, Done] = {}
    problems: list[Problem] = []
    async with request.config_dict[DATABASE].write() as session:
        for key in sorted(set(body.keys), key=int, reverse=True):
            try:
                async with session.begin_nested():
                    undone = await undo(session, int(key), by=principal, now=now)
            except Unavailable:
                raise
            except RegistryError as error:
                problems.append(of_registry(error))
                done[key] = _refused(request, None, problems[-1])
            else:
                done[key] = Done(
                    number=undone.number, ok=True, undo=str(undone.entry), problem=None
                )
    items = [done[key] for key in dict.fromkeys(body.keys)]
    if len(problems) == len(items):
        raise problems[0] if len(items) == 1 else _none_undone(items)
    log.info("undone", changes=len(items) - len(problems), actor=principal.actor)
    return json_response(DoneAll(items=items))


def _refused(request: web.Request, number: str | None, problem: Problem) -> Done:
    why = WhyNot(
        status=problem.status, code=problem.code, detail=problem.detail,
        said=said_to(request, problem) or UNSET,
    )  # fmt: skip
    return Done(number=number, ok=False, undo=None, problem=why)


def _none_undone(items: Sequence[Done]) -> Problem:
    first = next(item.problem.detail for item in items if item.problem is not None)
    return Problem(409, "nothing_undone", f"None of this could be undone. {first}", items=items)


ROUTES = (
    Route(
        method="POST",
        path="/appeals/next",
        handler=take,
        role=Role.OPERATOR,
        summary="Take the best appeal that waits for anybody; 204 where there is none.",
        returns=inbox.Appeal,
        empty=True,
        undoable=True,
    ),
    Route(
        method="POST",
        path="/appeals/bulk",
        handler=bulk,
        role=Role.OPERATOR,
        summary="Make one change of many appeals, each for itself.",
        takes=BulkBody,
        returns=DoneAll,
        problems=(400, 413, 415),
    ),
    Route(
        method="POST",
        path="/appeals/{number}/split",
        handler=split,
        role=Role.OPERATOR,
        summary="Make chosen messages an appeal of their own.",
        takes=SplitBody,
        status=201,
        returns=inbox.Appeal,
        undoable=True,
        problems=(400, 404, 409, 413, 415),
    ),
    Route(
        method="POST",
        path="/appeals/{number}/merge",
        handler=merge,
        role=Role.OPERATOR,
        summary="Give all messages to another appeal, and close this one.",
        takes=MergeBody,
        returns=inbox.Appeal,
        undoable=True,
        problems=(400, 404, 409, 413, 415),
    ),
    Route(
        method="POST",
        path="/undo",
        handler=take_back,
        role=Role.OPERATOR,
        summary="Take changes back that nobody has changed since.",
        takes=UndoBody,
        returns=DoneAll,
        problems=(400, 404, 409, 413, 415),
    ),
)
