"""Every route of the API in one table: who may call it, what it takes, what it answers."""

from dataclasses import dataclass

from aiohttp.typedefs import Handler
from msgspec import Struct

from hub.api import appeals, attachments, buried, channels, messages, openapi, replies, uploads
from registry import inbox
from registry.operators import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one address below /api/v1, as the server and the OpenAPI document read it."""

    method: str
    path: str
    handler: Handler
    role: Role
    """The least role that may call it."""
    summary: str
    status: int = 200
    """Of the answer when all is well."""
    returns: type[Struct] | None = None
    """None for what is no JSON shape of ours: a file, this document."""
    takes: type[Struct] | None = None
    """The body."""
    query: type[Struct] | None = None
    upload: bool = False
    """The body is a form with a file."""
    keyed: bool = False
    """It needs an Idempotency-Key."""
    media: str = "application/json"
    """The type of an answer without a shape."""
    problems: tuple[int, ...] = ()
    """Beyond those that any route may answer."""


ROUTES = (
    Route(
        method="GET",
        path="/appeals",
        handler=appeals.list_,
        role=Role.OPERATOR,
        summary="A page of appeals.",
        query=appeals.AppealQuery,
        returns=inbox.AppealPage,
        problems=(400,),
    ),
    Route(
        method="POST",
        path="/appeals",
        handler=appeals.open_,
        role=Role.OPERATOR,
        summary="Open an appeal at the front office.",
        takes=appeals.OpeningBody,
        status=201,
        returns=inbox.AppealDetail,
        problems=(400, 413, 415),
    ),
    Route(
        method="GET",
        path="/appeals/{number}",
        handler=appeals.get,
        role=Role.OPERATOR,
        summary="An appeal with its messages and its journal.",
        returns=inbox.AppealDetail,
        problems=(404,),
    ),
    Route(
        method="PATCH",
        path="/appeals/{number}",
        handler=appeals.change,
        role=Role.OPERATOR,
        summary="Claim, hand over, move along or describe an appeal: all of it, or nothing.",
        takes=appeals.ChangeBody,
        returns=inbox.Appeal,
        problems=(400, 404, 409, 413, 415),
    ),
    Route(
        method="POST",
        path="/appeals/{number}/replies",
        handler=replies.reply,
        role=Role.OPERATOR,
        summary="Answer the citizen; the reply is kept and on its way.",
        takes=replies.ReplyBody,
        keyed=True,
        status=202,
        returns=inbox.Message,
        problems=(400, 404, 409, 413, 415, 422),
    ),
    Route(
        method="POST",
        path="/appeals/{number}/replies/preview",
        handler=replies.preview,
        role=Role.OPERATOR,
        summary="What a reply would take, and what speaks against it now; nothing is sent.",
        takes=replies.PreviewBody,
        returns=replies.PreviewShown,
        problems=(400, 404, 413, 415),
    ),
    Route(
        method="POST",
        path="/appeals/{number}/notes",
        handler=messages.note,
        role=Role.OPERATOR,
        summary="Write a note that only colleagues see.",
        takes=messages.NoteBody,
        status=201,
        returns=inbox.Message,
        problems=(400, 404, 413, 415),
    ),
    Route(
        method="POST",
        path="/messages/{id}/retry",
        handler=messages.retry,
        role=Role.OPERATOR,
        summary="Send a failed or uncertain message again.",
        takes=messages.RetryBody,
        status=202,
        returns=inbox.Message,
        problems=(400, 404, 409, 413, 415),
    ),
    Route(
        method="POST",
        path="/messages/{id}/hidden",
        handler=messages.hide,
        role=Role.OPERATOR,
        summary="Hide a citizen's public comment from others, or show it again.",
        takes=messages.HiddenBody,
        returns=inbox.Message,
        problems=(400, 404, 409, 413, 415),
    ),
    Route(
        method="POST",
        path="/uploads",
        handler=uploads.upload,
        role=Role.OPERATOR,
        summary="Bring in a file for a reply.",
        upload=True,
        status=201,
        returns=uploads.Upload,
        problems=(400, 408, 413, 415),
    ),
    Route(
        method="GET",
        path="/attachments/{id}",
        handler=attachments.download,
        role=Role.OPERATOR,
        summary="The file of an attachment; one range of it if asked.",
        media="application/octet-stream",
        problems=(404, 416),
    ),
    Route(
        method="GET",
        path="/channels",
        handler=channels.list_,
        role=Role.OPERATOR,
        summary="How every account is.",
        returns=channels.Channels,
    ),
    Route(
        method="GET",
        path="/channels/{channel}/{account}/templates",
        handler=channels.templates,
        role=Role.OPERATOR,
        summary="The approved templates that the account may send now.",
        returns=channels.TemplateList,
        problems=(404, 409),
    ),
    Route(
        method="GET",
        path="/buried",
        handler=buried.list_,
        role=Role.SUPERVISOR,
        summary="Deliveries that could not be registered.",
        query=buried.BuriedQuery,
        returns=buried.BuriedPage,
        problems=(400,),
    ),
    Route(
        method="GET",
        path="/buried/{id}",
        handler=buried.get,
        role=Role.SUPERVISOR,
        summary="One of them with its raw body.",
        returns=buried.BuriedDetail,
        problems=(404,),
    ),
    Route(
        method="POST",
        path="/buried/{id}/replay",
        handler=buried.replay,
        role=Role.SUPERVISOR,
        summary="Try to register it again.",
        returns=buried.Replayed,
        problems=(404, 409),
    ),
    Route(
        method="GET",
        path="/openapi.json",
        handler=openapi.get,
        role=Role.OPERATOR,
        summary="This document.",
    ),
)
