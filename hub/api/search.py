"""Search over all appeals that the caller may see: the palette's and the search page's."""

from typing import Annotated

from aiohttp import web
from msgspec import Meta, Struct

from hub.api.exchange import invalid, json_response, read_query
from hub.api.keys import PRINCIPAL
from hub.api.route import Route
from hub.keys import DATABASE
from registry.ids import parse_id
from registry.operators import Role
from registry.search.results import FoundPage, search

MAX_LIMIT = 50
DEFAULT_LIMIT = 20


class SearchQuery(Struct, forbid_unknown_fields=True, kw_only=True):
    """What `GET search` may be asked."""

    q: Annotated[
        str,
        Meta(
            max_length=200,
            description=(
                "Words of a text, name or address in any alphabet, a number, a phone in any form. "
                'All must be there; the last may be unfinished; "quoted" ones stand together.'
            ),
        ),
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    before: Annotated[str, Meta(max_length=19, description="`next` of the page before.")] = ""


async def find(request: web.Request) -> web.Response:
    """`GET search`."""
    asked = read_query(request, SearchQuery)
    before = parse_id(asked.before) if asked.before else None
    if asked.before and before is None:
        raise invalid("before", "it is none of this search's; start again without it.")
    async with request.config_dict[DATABASE].read() as session:
        page = await search(
            session, asked.q, viewer=request[PRINCIPAL], limit=asked.limit, before=before
        )
    return json_response(page)


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/search",
        handler=find,
        role=Role.OPERATOR,
        summary="Appeals that have what was typed, the newest first, and where they have it.",
        query=SearchQuery,
        returns=FoundPage,
        problems=(400,),
    ),
)
