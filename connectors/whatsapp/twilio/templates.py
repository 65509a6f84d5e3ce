"""Templates of Twilio's Content API that WhatsApp has approved.

Sources: https://www.twilio.com/docs/content/content-api-resources,
https://www.twilio.com/docs/content/using-variables-with-content-api
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import Template
from connectors.kit.twilio import Client
from connectors.whatsapp.words import fitting

_MOST = 1000
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


async def approved(client: Client) -> Sequence[Template]:
    """Those that can be sent now. Raises: SendError."""
    listed = await client.ask(
        lambda twilio: twilio.content.v1.content_and_approvals.list_async(
            limit=_MOST, page_size=100
        )
    )
    found = [
        made
        for one in listed
        if (
            made := readable(
                str(one.sid or ""),
                name=str(one.friendly_name or one.sid or ""),
                language=str(one.language or ""),
                types=one.types,
                approval=one.approval_requests,
            )
        )
        is not None
    ]
    return sorted(found, key=lambda made: (made.name, made.language))


def readable(
    sid: str, *, name: str, language: str, types: object, approval: object
) -> Template | None:
    """What an operator sees of a template; None for one that is not approved, has no text, or
    has variables elsewhere than in its text (in a picture's address, say)."""
    told = _status(approval)
    if told.get("status") != "approved" or told.get("category") == "AUTHENTICATION":
        return None
    if not isinstance(types, dict) or not sid or not language:
        return None
    bodies = [kind.get("body") for kind in types.values() if isinstance(kind, dict)]
    text = next((body for body in bodies if isinstance(body, str) and body), None)
    if text is None:
        return None
    text = _VARIABLE.sub(r"{{\1}}", text)
    names = dict.fromkeys(_VARIABLE.findall(text))
    if set(_VARIABLE.findall(json.dumps(types))) - names.keys():
        return None
    return Template(id=sid, language=language, name=name, text=text, variables=tuple(names))


def _status(approval: object) -> Mapping[str, Any]:
    """What WhatsApp says of it: on its own, or among what other channels say."""
    if not isinstance(approval, dict):
        return {}
    inner = approval.get("whatsapp")
    return inner if isinstance(inner, dict) else approval


def variables(chosen: Mapping[str, str]) -> str:
    """The variables as Twilio takes them. Raises: Rejected for an empty one, which Meta refuses."""
    return json.dumps(fitting(chosen), ensure_ascii=False)
