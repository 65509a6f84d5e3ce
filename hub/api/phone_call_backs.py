"""Who is to be called back: the list of them, calling one, and that a call is not needed."""

from aiohttp import web
from msgspec import Struct

from hub.api.exchange import id_of, json_response, nothing
from hub.api.keys import PRINCIPAL
from hub.api.phone import answer_state, check_rings, deciding, operator_of, phone_of
from hub.api.route import Route
from hub.keys import CLOCK, DATABASE
from hub.phones import PhoneShown
from registry.calls import talking
from registry.calls.calling_back import (
    DueNow,
    ToCallBack,
    cancel_call_back,
    count_call_backs,
    get_call_back,
    list_call_backs,
)
from registry.operators import Role


class CallBackList(Struct, frozen=True, kw_only=True):
    """The first 200 who are to be called back, and how many are by now."""

    items: list[ToCallBack]
    due: DueNow


async def list_(request: web.Request) -> web.Response:
    """`GET phone/call-backs`."""
    by, now = request[PRINCIPAL], request.config_dict[CLOCK]()
    async with request.config_dict[DATABASE].read() as session:
        items = await list_call_backs(session, by=by, now=now)
        due = await count_call_backs(session, by=by, now=now)
    return json_response(CallBackList(items=items, due=due))


async def call(request: web.Request) -> web.Response:
    """`POST phone/call-backs/{id}/call`."""
    operator_id, call_back_id = operator_of(request), id_of(request, "call-back")
    async with deciding(request) as (session, now):
        back = await get_call_back(session, call_back_id, by=request[PRINCIPAL])
        account, _ = phone_of(request, back.account)
        await check_rings(session, operator_id, now=now)
        await talking.call_out(
            session,
            operator_id=operator_id,
            number=back.number,
            account=account.account,
            now=now,
        )
    return await answer_state(request, status=201)


async def cancel(request: web.Request) -> web.Response:
    """`DELETE phone/call-backs/{id}`."""
    call_back_id = id_of(request, "call-back")
    async with request.config_dict[DATABASE].write() as session:
        now = request.config_dict[CLOCK]()
        await cancel_call_back(session, call_back_id, by=request[PRINCIPAL], now=now)
    return nothing()


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/phone/call-backs",
        handler=list_,
        role=Role.OPERATOR,
        summary="Who is to be called back, the first to be called first.",
        returns=CallBackList,
    ),
    Route(
        method="POST",
        path="/phone/call-backs/{id}/call",
        handler=call,
        role=Role.OPERATOR,
        summary="Call them: it rings at oneself first, and then there.",
        status=201,
        returns=PhoneShown,
        problems=(404, 409),
    ),
    Route(
        method="DELETE",
        path="/phone/call-backs/{id}",
        handler=cancel,
        role=Role.OPERATOR,
        summary="They need not be called after all.",
        status=204,
        problems=(404,),
    ),
)
