"""What codes are called in the language in use: channels, statuses, outcomes, languages."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from hub.views.text import linked, plain
from hub.views.told import told
from hub.web.i18n import current, deferred, gettext, pgettext
from hub.web.pages import compact_json
from registry.inbox import Appeal

CHANNELS = {
    "telegram": "Telegram",
    "whatsapp": "WhatsApp",
    "instagram": "Instagram",
    "facebook": "Facebook",
    "twitter": "X",
    "sms": "SMS",
    "phone": deferred("Phone"),
    "visit": deferred("Visit"),
    "letter": deferred("Letter"),
    "web": deferred("Portal"),
    "email": deferred("E-mail"),
    "blackhole": "Blackhole",
}
CHANNEL_ICONS = {
    "telegram": "brand-telegram",
    "whatsapp": "brand-whatsapp",
    "instagram": "brand-instagram",
    "facebook": "brand-facebook",
    "twitter": "brand-x",
    "sms": "message-2",
    "phone": "phone",
    "visit": "walk",
    "letter": "mail-opened",
    "web": "world",
    "email": "mail",
}
# icon("brand-telegram") icon("brand-whatsapp") icon("brand-instagram") icon("brand-facebook")
# icon("brand-x") icon("message-2") icon("phone") icon("walk") icon("mail-opened") icon("world")
# icon("mail") icon("message-circle"): for the sprite, which holds what is named so.

STATUSES = {
    "new": deferred("New"),
    "open": deferred("In work"),
    "pending": deferred("Waiting for an answer"),
    "resolved": deferred("Resolved"),
    "closed": deferred("Closed"),
}
PRIORITIES = {
    "low": deferred("Low"),
    "normal": deferred("Normal"),
    "high": deferred("High"),
    "urgent": deferred("Urgent"),
}
OUTCOMES = {
    "fixed": deferred("Fixed"),
    "planned": deferred("Planned"),
    "refused": deferred("Refused"),
    "not_competent": deferred("Not our competence"),
    "duplicate": deferred("Duplicate"),
    "answered": deferred("Answered"),
}
KINDS = {
    "message": deferred("Message"),
    "application": deferred("Application"),
    "complaint": deferred("Complaint"),
    "proposal": deferred("Proposal"),
    "response": deferred("Response"),
    "inquiry": deferred("Inquiry"),
}
ROLES = {
    "operator": deferred("Operator"),
    "supervisor": deferred("Supervisor"),
    "admin": deferred("Administrator"),
}
QUEUES = {
    "mine": deferred("Mine"),
    "unassigned": deferred("Unassigned"),
    "all": deferred("All live"),
    "overdue": deferred("Overdue"),
    "failed": deferred("Not delivered"),
    "mentions": deferred("Mentions"),
    "snoozed": deferred("Snoozed"),
}
SORTS = {
    "due": deferred("Nearest deadline"),
    "waiting": deferred("Waiting longest"),
    "last_message": deferred("Latest message"),
    "newest": deferred("Newest"),
    "oldest": deferred("Oldest"),
    "priority": deferred("Priority"),
}
FILES = {
    "photo": deferred("Photo"),
    "video": deferred("Video"),
    "audio": deferred("Audio"),
    "voice": deferred("Voice message"),
    "document": deferred("Document"),
    "sticker": deferred("Sticker"),
    "location": deferred("Location"),
    "contact": deferred("A contact's card"),
}
LANGUAGES = {"kk": "Қаз", "ru": "Рус", "en": "Eng", "mixed": "Қаз/Рус"}
STATES = {
    "queued": deferred("Waits to be sent"),
    "sending": deferred("Being sent"),
    "sent": deferred("Sent"),
    "delivered": deferred("Delivered"),
    "read": deferred("Read"),
    "failed": deferred("Not delivered"),
    "uncertain": deferred("Unknown whether it was sent"),
}


_MINUTE = timedelta(minutes=1)


def label(names: Mapping[str, str], code: str | None) -> str:
    """The name of a code in the language in use; a code that has none stands for itself."""
    if code is None:
        return ""
    name = names.get(code)
    return code if name is None else gettext(name)


def channel(code: str) -> str:
    """What a channel is called."""
    return label(CHANNELS, code)


def wordless(appeal: Appeal) -> str:
    """What stands for an appeal that no words name: what came first."""
    if appeal.first_file is not None:
        by_phone = appeal.channel == "phone" and appeal.first_file == "voice"
        return gettext("Voicemail") if by_phone else label(FILES, appeal.first_file)
    return gettext("A call") if appeal.channel == "phone" else gettext("No text")


def channel_icon(code: str) -> str:
    """The sprite's name for a channel."""
    return CHANNEL_ICONS.get(code, "message-circle")


def span(length: timedelta) -> str:
    """A length of time in its two largest units, or in one of which there are ten: "2 h 12 min"."""
    return _span(abs(length) // _MINUTE, current())


@lru_cache(maxsize=4096)
def _span(minutes: int, language: str) -> str:
    """The same; the language is the one in use."""
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    d, h, m = pgettext("days", "d"), pgettext("hours", "h"), pgettext("minutes", "min")
    if days:
        return f"{days} {d} {hours} {h}" if hours and days < 10 else f"{days} {d}"
    if hours:
        return f"{hours} {h} {rest} {m}" if rest and hours < 10 else f"{hours} {h}"
    return f"{rest} {m}"


def due_state(due_at: datetime | None, now: datetime) -> str:
    """ "none", "late", "soon" (within four hours) or "fine"."""
    if due_at is None:
        return "none"
    if due_at <= now:
        return "late"
    return "soon" if due_at - now <= timedelta(hours=4) else "fine"


_FIRST_TO_LAST = {"urgent": "0", "high": "1", "normal": "2", "low": "3"}
_NEVER = "9999"
"""Behind every moment."""


def places(appeal: Appeal) -> str:
    """What a row stands by in each order, as JSON: the browser puts it in its place."""
    due, waiting = appeal.due_at, appeal.waiting_since
    return compact_json(
        {
            "due": due.isoformat() if due else _NEVER,
            "waiting": waiting.isoformat() if waiting else _NEVER,
            "last_message": appeal.last_message_at.isoformat(),
            "priority": _FIRST_TO_LAST[appeal.priority],
            "id": appeal.id.zfill(19),
        }
    )


def initials(name: str) -> str:
    """The first letters of a name's first two words."""
    return "".join(word[0] for word in name.split()[:2]).upper()


def globals_() -> dict[str, Any]:
    """What every template finds."""
    tables = {
        "channels": CHANNELS, "statuses": STATUSES, "priorities": PRIORITIES, "outcomes": OUTCOMES,
        "kinds": KINDS, "roles": ROLES, "queues": QUEUES, "sorts": SORTS, "states": STATES,
    }  # fmt: skip
    return {
        "codes": tables,
        "label": label,
        "channel_label": channel,
        "channel_icon": channel_icon,
        "wordless": wordless,
        "language_label": lambda code: LANGUAGES.get(code, code),
        "linked": linked,
        "plain": plain,
        "told": told,
        "places": places,
        "initials": initials,
        "span": span,
        "due_state": due_state,
    }
