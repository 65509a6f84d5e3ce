"""Pages: a table of them, and how a template becomes an answer.

Templates are read once, when the application is made: a request reads no file. Every answer carries
the same strict policy; a page that needs another host says so in its `Page`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from isal import igzip
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from hub.keys import CLOCK, SETTINGS
from hub.problems import Problem, of_registry
from hub.web import i18n
from hub.web.sessions import Forbidden, check_origin, is_secure, recognise
from hub.web.signed import SESSION
from hub.web.static import static_url, takes_gzip
from registry.errors import RegistryError, Unavailable
from registry.operators import Role

FOLDER = Path(__file__).parent.parent / "templates"

LANGUAGE_COOKIE = "language"
"""Remembers the language of somebody who has not signed in."""

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "object-src": "'none'",
}
"""What a page may load and run: nothing inline, and nothing of another's."""

HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self), payment=()",
    "Cache-Control": "private, no-store",
    "X-Robots-Tag": "noindex",
}


SOURCES = web.AppKey("sources", Mapping[str, tuple[str, ...]])
"""What pages behind signing in may load besides, by directive: where there is a telephone."""


def policy_with(sources: Mapping[str, Iterable[str]]) -> str:
    """The policy of a page that may load somewhat more."""
    wider = {name: " ".join((value, *sources.get(name, ()))) for name, value in POLICY.items()}
    return "; ".join(f"{name} {value}" for name, value in wider.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One method of one address that answers with HTML."""

    path: str
    handler: Handler
    role: Role | None
    """The least role that may see it; None for everybody, signed in or not."""
    method: str = "GET"


def environment(found_everywhere: Mapping[str, Any]) -> Environment:
    """The templates' environment. They are read at once, and each is compiled when it is first
    asked for: all of them would keep a hub from its webhooks for a second at every start."""
    texts = {
        file.relative_to(FOLDER).as_posix(): (file.read_text("utf-8"), str(file), None)
        for file in sorted(FOLDER.rglob("*"))
        if file.suffix in {".html", ".svg", ".txt"}
    }
    env = Environment(
        loader=FunctionLoader(texts.get),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    i18n.install(env)
    env.globals.update(
        icon=icon,
        static_url=static_url,
        languages=i18n.NAMES,
        language=i18n.current,
        tenths=i18n.tenths,
    )
    env.globals.update(found_everywhere)
    env.filters["compact_json"] = compact_json
    return env


TEMPLATES = web.AppKey("templates", Environment)


def render(
    request: web.Request,
    template: str,
    /,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    speak: str | None = None,
    **context: Any,
) -> web.Response:
    """The template as an answer, in the language of whoever asks, or in the one it is to speak.

    It finds `session` (None for a stranger), `zone`, `now` and `request_path` beside its context.
    """
    session, sources = request.get(SESSION), request.config_dict.get(SOURCES)
    if sources and session is not None and session.stage == "in":
        headers = {"Content-Security-Policy": policy_with(sources), **(headers or {})}
    body = html(request, template, speak=speak, **context).encode()
    response = web.Response(
        status=status,
        content_type="text/html",
        charset="utf-8",
        headers={**HEADERS, **(headers or {})},
    )
    if takes_gzip(request):
        # A long page takes zlib longer than everything else that is done for it.
        response.headers[hdrs.CONTENT_ENCODING] = "gzip"
        body = igzip.compress(body)
    response.body = body
    return response


def html(
    request: web.Request, template: str, /, *, speak: str | None = None, **context: Any
) -> str:
    """The template's text, in the language of whoever asks, or in the one it is to speak."""
    settings = request.config_dict[SETTINGS]
    with i18n.use(speak or language_of(request)):
        return request.config_dict[TEMPLATES].get_template(template).render(
            session=request.get(SESSION),
            request_path=request.path_qs,
            now=request.config_dict[CLOCK](),
            **times(ZoneInfo(settings.timezone)),
            **context,
        )  # fmt: skip


def times(zone: ZoneInfo) -> dict[str, Any]:
    """What writes moments on a clock of the zone: `date`, `time`, `moment`, and `zone` itself."""

    def date(at: datetime) -> str:
        return i18n.date(at, zone)

    def time(at: datetime) -> str:
        return i18n.time(at, zone)

    def moment(at: datetime) -> str:
        return i18n.moment(at, zone)

    return {"zone": zone, "date": date, "time": time, "moment": moment}


def language_of(request: web.Request) -> str:
    """What the operator chose; else the browser's cookie; else the first it accepts of ours."""
    session = request.get(SESSION)
    chosen = session.language if session is not None else None
    accepted = request.headers.get("Accept-Language", "").lower().split(",")
    wanted = [chosen, request.cookies.get(LANGUAGE_COOKIE)]
    wanted += [part.partition(";")[0].strip()[:2] for part in accepted]
    return next((code for code in wanted if code in i18n.LANGUAGES), i18n.LANGUAGES[0])


def is_fragment(request: web.Request) -> bool:
    """Whether only a piece of the page is wanted, to stand in one that is there."""
    return request.headers.get("HX-Request") == "true" and "HX-Boosted" not in request.headers


@lru_cache(maxsize=4096)
def icon(name: str, label: str | None = None) -> Markup:
    """An icon of the sprite; one that stands without words needs a label."""
    spoken = Markup('role="img" aria-label="{}"').format(label) if label else 'aria-hidden="true"'
    return Markup('<svg class="icon" {}><use href="{}#{}"></use></svg>').format(
        Markup(spoken),  # noqa: S704  one of the two above, escaped there
        static_url("vendor/icons.svg"),
        name,
    )


def compact_json(value: object) -> str:
    """For data-* attributes; the template escapes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def add_pages(
    app: web.Application, pages: Iterable[Page], found_everywhere: Mapping[str, Any]
) -> None:
    """Open the pages, each for those whose role reaches so far.

    `found_everywhere` is what every template finds.
    """
    app[TEMPLATES] = environment(found_everywhere)
    for page in pages:
        if page.role is None:
            handler = _choosing_a_language(page.handler)
        else:
            handler = _for_role(page.role, page.handler)
        app.router.add_route(page.method, page.path, _for_session(handler))


def _for_session(handler: Handler) -> Handler:
    """The handler, which finds who asks; a change that our own page did not ask for is refused."""

    async def recognised(request: web.Request) -> web.StreamResponse:
        try:
            await recognise(request)
            await check_origin(request)
            return await handler(request)
        except Forbidden:
            return render(request, "error.html", status=403, what="stale")
        except Unavailable:
            return render(request, "error.html", status=503, what="unavailable")
        except RegistryError as error:
            return _nothing_here(request, of_registry(error).status)
        except Problem as problem:
            return _nothing_here(request, problem.status)

    return recognised


def _nothing_here(request: web.Request, status: int) -> web.Response:
    """The page, or the piece of one, for an address that cannot be meant."""
    template = "error_fragment.html" if is_fragment(request) else "error.html"
    return render(request, template, status=status, what="not_found")


def _choosing_a_language(handler: Handler) -> Handler:
    """The handler of an open page, which can be had in another language by `?language=`."""

    async def chosen(request: web.Request) -> web.StreamResponse:
        code = request.query.get("language")
        if code not in i18n.LANGUAGES or request.method != "GET":
            return await handler(request)
        rest = [(name, value) for name, value in request.query.items() if name != "language"]
        place = f"{request.path}?{urlencode(rest)}" if rest else request.path
        response = web.Response(status=303, headers={**HEADERS, "Location": place})
        keep_language(response, request, code)
        return response

    return chosen


def keep_language(response: web.StreamResponse, request: web.Request, code: str) -> None:
    """Let the browser remember a language for a year."""
    response.set_cookie(
        LANGUAGE_COOKIE, code, path="/", max_age=365 * 24 * 3600, httponly=True, samesite="Lax",
        secure=is_secure(request.config_dict[SETTINGS]),
    )  # fmt: skip


def _for_role(role: Role, handler: Handler) -> Handler:
    """The handler, for those who are at least `role`; a stranger is sent to sign in first."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        session = request.get(SESSION)
        if session is None or session.stage != "in":
            if is_fragment(request):
                raise web.HTTPUnauthorized(headers=HEADERS)
            place = urlencode({"next": request.path_qs})
            raise web.HTTPSeeOther(f"/signin?{place}", headers=HEADERS)
        if not session.principal.is_at_least(role):
            return render(request, "error.html", status=403, what="forbidden")
        return await handler(request)

    return guarded
