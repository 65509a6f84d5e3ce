"""What the browser says: it finds these words in the page, so that there is one catalogue."""

from functools import cache

from markupsafe import Markup, escape

from hub.views import labels
from hub.views.desk_words import desk_words
from hub.views.phone_words import phone_words
from hub.views.plurals import plural
from hub.views.problem_words import problems
from hub.web.i18n import current, ngettext, pgettext, use
from hub.web.i18n import gettext as _
from hub.web.pages import compact_json


def words() -> Markup:
    """The words in the language in use, as JSON for an attribute."""
    return _as_json(current())


@cache
def _as_json(language: str) -> Markup:
    with use(language):
        return escape(compact_json(_words()))


def _words() -> dict[str, object]:
    return {
        **desk_words(),
        "units": {
            "d": pgettext("days", "d"),
            "h": pgettext("hours", "h"),
            "min": pgettext("minutes", "min"),
            "s": pgettext("seconds", "s"),
            "KB": _("KB"),
            "MB": _("MB"),
        },
        "composer": composer(),
        "phone": phone_words(),
        "channels": {code: labels.channel(code) for code in labels.CHANNELS},
        "ways": {
            "thread": _("this conversation"),
            "public": _("everybody sees it"),
            "private": _("privately"),
            "elsewhere": _("another way"),
            "impossible": _("not now"),
        },
        "late": _("late by %(time)s"),
        "left": _("%(time)s left"),
        "undo": _("Undo"),
        "close": _("Close"),
        "retry": _("Try again"),
        "done": _("Done"),
        "undone": _("Undone"),
        "offline": _("The hub cannot be reached. Nothing you write is lost."),
        "failed": _("That did not work."),
        "no_text": _("No text"),
        "no_answer": _("The hub did not answer. Check the network and try again."),
        "signed_out": _("You were signed out. Sign in again to go on."),
        "problems": problems(),
        "calls": {
            "every": _("You hear and see every call now."),
            "urgent": _("Only urgent calls are heard now."),
        },
        "live": {
            "looks": _("%(name)s is looking at it"),
            "writes": _("%(name)s is writing"),
            "open": _("Open"),
            "allow_text": _("Urgent calls can be shown while no tab of the desk is seen."),
            "allow": _("Allow"),
            "vanished": _("This appeal is not yours to see any more."),
        },
        "arrived": plural(lambda n: ngettext("%(n)s new message", "%(n)s new messages", n)),
        "selected": plural(lambda n: ngettext("%(n)s selected", "%(n)s selected", n)),
    }


def composer() -> dict[str, object]:
    """What the composer says."""
    return {
        "window": _("window closes in %(time)s"),
        "closed": _("The window is closed."),
        "parts": "%(count)s / %(limit)s · %(parts)s",
        "in_parts": _("parts: %(n)s"),
        "take_back": _("Take back"),
        "keep_mine": _("Keep mine"),
        "sending": _("The reply goes out in %(n)s s"),
        "noted": _("The note is kept"),
        "taken": _("The reply was taken back"),
        "differs": _("You write in %(draft)s, and the citizen wrote in %(theirs)s."),
        "colleague": _("%(name)s replied while you were writing: “%(text)s”"),
        "even_so": _("Send mine as well"),
        "too_big": _("%(name)s is larger than this channel takes (%(limit)s)."),
        "wrong_kind": _("%(name)s: this channel does not carry such files."),
        "too_many": _("This channel carries at most %(limit)s files in one reply."),
        "remove": _("Remove %(name)s"),
        "saved": _("Draft kept %(time)s"),
        "elsewhere": _("The draft was changed in another window; this is what is there now."),
        "no_way": _("No channel carries a reply now. Write a note, or answer by letter or phone."),
        "template": _("Choose a template"),
        "no_replies": _("No saved reply is called so."),
        "segments": _("SMS: %(n)s"),
        "languages": {
            "kk": _("Kazakh"),
            "ru": _("Russian"),
            "en": _("English"),
            "mixed": _("Kazakh and Russian"),
        },
    }
