"""What is wrong with a value, said to whoever sits at the desk in their own language.

A program gets the document as it is: the sentence is added for a browser that has signed in.
"""

from aiohttp import web
from aiohttp.typedefs import Handler

from hub.problems import Problem, of_registry
from hub.views.refusals import refused
from hub.web.i18n import use
from hub.web.pages import language_of
from hub.web.signed import SESSION
from registry.errors import RegistryError


@web.middleware
async def say_what_is_wrong(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add `said` to a problem "invalid"."""
    try:
        return await handler(request)
    except RegistryError as error:
        problem = of_registry(error)
    except Problem as error:
        problem = error
    if problem.code == "invalid" and SESSION in request:
        with use(language_of(request)):
            problem.members = {**problem.members, "said": refused(problem.detail)}
    raise problem
