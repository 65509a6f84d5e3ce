"""The page where a citizen sees how their appeal is handled, under the address they were given.

The address proves itself: who does not know it cannot make it. It shows the number, how far the
appeal is, and when something happened; no name, and nothing of what was written.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import SecretStr
from sqlmodel import col, func, or_, select

from connectors.kit.signatures import same
from hub.keys import DATABASE, SETTINGS
from registry.errors import Unavailable
from registry.models import Appeal, Message
from registry.sealing import signature
from registry.states import Status

CODE_CHARACTERS = 16
"""96 bits: nobody guesses one."""
LANGUAGES = ("kk", "ru", "en")
_PURPOSE = "tracking"
_FOLDER = Path(__file__).parent / "templates"
_PAGE = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
).get_template("tracking.html")
"""Read once: a request reads no file."""

_STATUS = {
    Status.NEW: ("Тіркелді", "Зарегистрировано", "Registered"),
    Status.OPEN: ("Қаралуда", "В работе", "Being handled"),
    Status.PENDING: ("Сіздің жауабыңыз күтілуде", "Ждём вашего ответа", "Waiting for your answer"),
    Status.RESOLVED: ("Жауап берілді", "Дан ответ", "Answered"),
    Status.CLOSED: ("Аяқталды", "Закрыто", "Closed"),
}
_WORDS = {
    "title": ("Өтініш", "Обращение", "Appeal"),
    "opened": ("Тіркелген уақыты", "Зарегистрировано", "Registered"),
    "answered": ("Соңғы жауап", "Последний ответ", "Last answer"),
    "unanswered": ("Әзірге жауап жоқ", "Ответа пока нет", "No answer yet"),
    "resolved": ("Шешілген уақыты", "Решено", "Resolved"),
    "hint": (
        "Жауап сіз жазған арнаға келеді. Толықтыру үшін сол жерге жаза беріңіз.",
        "Ответ придёт туда, откуда вы написали. Чтобы дополнить обращение, пишите туда же.",
        "The answer comes where you wrote from. To add something, write there again.",
    ),
    "gone": (
        "Мұндай өтініш жоқ. Сілтемені толық көшіргеніңізді тексеріңіз.",
        "Такого обращения нет. Проверьте, целиком ли скопирована ссылка.",
        "There is no such appeal. Check that the address was copied whole.",
    ),
    "later": (
        "Қазір көрсету мүмкін емес. Бірнеше минуттан кейін қайталап көріңіз.",
        "Сейчас показать нельзя. Попробуйте через несколько минут.",
        "This cannot be shown now. Try again in a few minutes.",
    ),
}


def add_routes(app: web.Application) -> None:
    """Open the page."""
    app.router.add_get("/t/{number}/{code}", page)


def tracking_links(public_url: str, secret: SecretStr) -> Callable[[str, int], str]:
    """What makes an appeal's address, by its number and its id."""

    def link(number: str, appeal_id: int) -> str:
        return f"{public_url}/t/{number}/{_code(secret, appeal_id)}"

    return link


async def page(request: web.Request) -> web.Response:
    """`GET /t/{number}/{code}`, in the language asked for, else the browser's."""
    settings = request.app[SETTINGS]
    language = _language(request)
    zone = ZoneInfo(settings.timezone)
    try:
        async with request.app[DATABASE].read() as session:
            # PostgreSQL knows no NUL, and no number holds one.
            number = request.match_info["number"].replace("\x00", "\ufffd")
            found = await session.exec(select(Appeal).where(Appeal.number == number))
            appeal = found.one_or_none()
            if appeal is None or not same(
                request.match_info["code"], _code(settings.secret_key, appeal.id)
            ):
                return _rendered(request, language, status=404, message="gone")
            answered = await session.exec(
                select(func.max(Message.sent_at)).where(
                    Message.appeal_id == appeal.id,
                    Message.direction == "out",
                    # What goes out by itself has no author and a key; an answer written in the
                    # provider's own app has neither.
                    or_(Message.author != "", col(Message.idempotency_key).is_(None)),
                    col(Message.state).in_(("sent", "delivered", "read")),
                )
            )
            answered_at = answered.one()
    except Unavailable:
        return _rendered(request, language, status=503, message="later")
    return _rendered(
        request,
        language,
        number=appeal.number,
        status_text=_STATUS[Status(appeal.status)][LANGUAGES.index(language)],
        done=appeal.status in {Status.RESOLVED, Status.CLOSED},
        opened_at=_local(appeal.opened_at, zone),
        answered_at=_local(answered_at, zone),
        resolved_at=_local(appeal.resolved_at, zone),
    )


def _code(secret: SecretStr, appeal_id: int) -> str:
    return signature(secret, _PURPOSE, str(appeal_id))[:CODE_CHARACTERS]


def _language(request: web.Request) -> str:
    asked = request.query.get("lang", "")
    if asked in LANGUAGES:
        return asked
    accepted = request.headers.get("Accept-Language", "").lower()
    wanted = [part.partition(";")[0].strip()[:2] for part in accepted.split(",")]
    return next((code for code in wanted if code in LANGUAGES), "ru")


def _local(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return None if moment is None else f"{moment.astimezone(zone):%d.%m.%Y %H:%M}"


def _rendered(
    request: web.Request,
    language: str,
    *,
    status: int = 200,
    message: str | None = None,
    **shown: object,
) -> web.Response:
    words: Mapping[str, str] = {
        name: said[LANGUAGES.index(language)] for name, said in _WORDS.items()
    }
    html = _PAGE.render(
        language=language,
        languages=LANGUAGES,
        path=request.path,
        style=_STYLE,
        words=words,
        message=None if message is None else words[message],
        **shown,
    )
    return web.Response(
        text=html, status=status, content_type="text/html", charset="utf-8", headers=_HEADERS
    )


_STYLE = (_FOLDER / "tracking.css").read_text("utf-8")
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
    "X-Robots-Tag": "noindex",
}
"""The address is a key: it is neither kept, nor found, nor told to the next page."""
