"""X's refusals as its stand-in words them: RFC 7807, with what X adds.

Source: https://docs.x.com/x-api/fundamentals/response-codes-and-errors
"""

from collections.abc import Mapping

from connectors.testing.sandbox import Refused

_TYPES = "https://api.twitter.com/2/problems"


def invalid(message: str, *, parameters: Mapping[str, list[str]] | None = None) -> Refused:
    error = {"message": message, **({"parameters": dict(parameters)} if parameters else {})}
    return Refused(
        400,
        {
            "errors": [error],
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": f"{_TYPES}/invalid-request",
        },
    )


def unauthorized() -> Refused:
    return Refused(
        401,
        {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"},
    )


def no_credits(account_id: str) -> Refused:
    return Refused(
        402,
        {
            "account_id": int(account_id),
            "title": "CreditsDepleted",
            "detail": f"Your enrolled account [{account_id}] does not have any credits to fulfill "
            "this request.",
            "type": f"{_TYPES}/credits",
        },
    )


def forbidden(detail: str) -> Refused:
    return Refused(
        403, {"detail": detail, "type": "about:blank", "title": "Forbidden", "status": 403}
    )


def wrong_authentication(supported: str, shown: str) -> Refused:
    return Refused(
        403,
        {
            "title": "Unsupported Authentication",
            "detail": f"Authenticating with {shown} is forbidden for this endpoint. Supported "
            f"authentication types are [{supported}].",
            "type": f"{_TYPES}/unsupported-authentication",
            "status": 403,
        },
    )


def not_found(what: str, number: str) -> Refused:
    return Refused(
        404,
        {
            "title": "Not Found Error",
            "detail": f"Could not find {what} with id: [{number}].",
            "type": f"{_TYPES}/resource-not-found",
            "resource_type": what,
            "resource_id": number,
            "status": 404,
        },
    )


def too_many(headers: Mapping[str, str]) -> Refused:
    return Refused(
        429,
        {
            "title": "Too Many Requests",
            "detail": "Too Many Requests",
            "type": "about:blank",
            "status": 429,
        },
        headers=headers,
    )
