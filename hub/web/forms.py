"""Forms of pages: a few short fields, read within bounds, whatever was sent as one."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web

TYPE = "application/x-www-form-urlencoded"
_MAX_FIELDS = 50


async def form_of(request: web.Request) -> Mapping[str, str]:
    """The fields of the form; none where the body is no form. It may be asked for again.

    What cannot be decoded or stored is replaced. Raises: HTTPBadRequest, HTTPRequestEntityTooLarge.
    """
    if request.content_type != TYPE:
        return {}
    body = (await request.read()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise web.HTTPBadRequest(text="The form has too many fields.") from None
    return {name: value.replace("\x00", "\ufffd") for name, value in pairs}
