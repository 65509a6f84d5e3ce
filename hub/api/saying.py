"""What was refused, said to whoever sits at the desk in their own language.

A program gets the document as it is: the sentence is added for a browser that has signed in.
"""

from aiohttp import web
from aiohttp.typedefs import Handler

from hub.problems import Problem, of_registry
from hub.views.problem_words import problems
from hub.views.refusals import refused
from hub.views.told import told
from hub.web.i18n import gettext as _
from hub.web.i18n import use
from hub.web.pages import language_of
from hub.web.signed import SESSION
from registry.errors import RegistryError

_PROVIDERS = {"refused": "provider_refused", "unavailable": "provider_unavailable"}
"""Codes that read otherwise where it is the provider who gives the reason."""


@web.middleware
async def say_what_is_wrong(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add `said` to a problem."""
    try:
        return await handler(request)
    except RegistryError as error:
        problem = of_registry(error)
    except Problem as error:
        problem = error
    said = said_to(request, problem)
    if said is not None:
        problem.members = {**problem.members, "said": said}
    raise problem


def said_to(request: web.Request, problem: Problem) -> str | None:
    """The problem in the language of whoever asks; None for a program."""
    if SESSION not in request:
        return None
    with use(language_of(request)):
        return said_of(problem)


def said_of(problem: Problem) -> str:
    """The problem in the language in use."""
    if problem.code == "invalid":
        return refused(problem.detail)
    members = dict(problem.members)
    code = problem.code
    if "reason" in members:
        members["reason"] = told(members["reason"])
        code = _PROVIDERS.get(code, code)
    if isinstance(members.get("holder"), dict):
        members["holder"] = members["holder"]["name"]
    known = problems().get(code)
    if known is None:
        return _("That did not work (%(code)s).") % {"code": code}
    return known % members
