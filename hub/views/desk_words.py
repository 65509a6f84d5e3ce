"""What the browser says around the appeals: commands, keys, questions and notices."""

from hub.views import labels, phone_words
from hub.views.plurals import plural
from hub.web.i18n import gettext as _
from hub.web.i18n import ngettext, pgettext


def desk_words() -> dict[str, object]:
    """The words in the language in use."""
    return {
        "ok": _("OK"),
        "cancel": _("Cancel"),
        "sign_in": _("Sign in"),
        "nothing_found": _("Nothing found"),
        "no_name": _("No name"),
        "unreadable": _("This cannot be read; correct it."),
        "go_to": _("Go to: %(place)s"),
        "search_everywhere": _("Search everywhere for “%(text)s”"),
        "due": {"late": _("Late by"), "soon": _("Soon due, in"), "fine": _("Due in")},
        "palette": {
            "recent": _("Open before"),
            "appeals": _("Appeals"),
            "places": _("Places"),
            "commands": _("Commands"),
            "everywhere": _("Search"),
        },
        "groups": {
            "moving": _("Moving about"),
            "appeal": _("With the appeal"),
            "phone": _("Phone"),
            "desk": _("The desk"),
        },
        "commands": {**_commands(), **phone_words.commands()},
        "keys": {
            "none": _("no key"),
            "change": _("Change"),
            "press": _("Press the new key. Delete: no key. Esc: as it was."),
            "second": _("%(key)s, and then?"),
            "forbidden": _("This key is needed for writing or moving about; press another one."),
            "taken": _("%(key)s is the key of “%(command)s”."),
            "take": _("Use it for “%(command)s”"),
        },
        "said": _said(),
        "said_of_one": pgettext("what was done: which appeal", "%(what)s: %(number)s"),
        "said_of_many": plural(
            lambda n: ngettext("%(what)s: %(n)s appeal", "%(what)s: %(n)s appeals", n)
        ),
        "refused": plural(
            lambda n: ngettext(
                "%(n)s appeal could not be changed. %(reason)s",
                "%(n)s appeals could not be changed. %(reason)s",
                n,
            )
        ),
        "ask": _asked(),
        "channel_icons": labels.CHANNEL_ICONS,
    }


def _commands() -> dict[str, str]:
    return {
        "palette": _("Search and commands"),
        "search": _("Search"),
        "help": _("Keys"),
        "next-row": _("Next in the list"),
        "previous-row": _("Previous in the list"),
        "open": _("Open"),
        "back": _("Back to the list"),
        "pick": _("Select"),
        "pick-range": _("Select up to here"),
        "select-all": _("Select all that are shown"),
        "next": _("Next appeal"),
        "reply": _("Write a reply"),
        "note": _("Write a note"),
        "claim": _("Take"),
        "release": _("Release"),
        "assign": _("Assign or transfer…"),
        "resolve": _("Resolve…"),
        "resolve-next": _("Resolve, and take the next one"),
        "reopen": _("Reopen"),
        "snooze": _("Snooze…"),
        "wake": _("Wake now"),
        "status": _("Status…"),
        "priority": _("Priority…"),
        "category": _("Category…"),
        "district": _("District…"),
        "tags": _("Tags…"),
        "appeal-language": _("Language of the appeal…"),
        "kind": _("Kind of the appeal…"),
        "address": _("Address…"),
        "deadline": _("Deadline…"),
        "split": _("Split messages into a new appeal…"),
        "duplicate": _("Mark as a duplicate of…"),
        "merge": _("Merge with another appeal…"),
        "copy-link": _("Copy the link"),
        "save-view": _("Save as a view"),
        "register": _("Register a visit, a letter or a call"),
        "delete-view": _("Delete this view"),
        "calls": _("Calls: every one, or urgent ones"),
        "theme": _("Colours"),
        "language": _("Language"),
        "sign-out": _("Sign out"),
    }


def _said() -> dict[str, str]:
    return {
        "claim": _("Taken"),
        "release": _("Released"),
        "assign": _("Handed over"),
        "resolve": _("Resolved"),
        "reopen": _("Opened again"),
        "snooze": _("Snoozed"),
        "wake": _("Awake"),
        "status": _("Status changed"),
        "priority": _("Priority changed"),
        "category": _("Category changed"),
        "district": _("District changed"),
        "tags": _("Tags changed"),
        "language": _("Language changed"),
        "kind": _("Kind changed"),
        "subject": _("Subject changed"),
        "address": _("Address changed"),
        "deadline": _("Deadline changed"),
        "duplicate": _("Marked as a duplicate"),
        "unlinked": _("No duplicate any more"),
        "merge": _("Merged"),
        "split": _("Split off"),
        "copied": _("The link was copied"),
        "nothing_waits": _("Nothing waits: every appeal is somebody's."),
    }


def _asked() -> dict[str, str]:
    return {
        "assign": _("Assign or transfer"),
        "assign_ok": _("Hand over"),
        "to": _("To whom"),
        "me": _("Me"),
        "nobody": _("Nobody"),
        "colleague": _("colleague"),
        "team": _("team"),
        "note": _("Note"),
        "note_hint": _("Only colleagues see it."),
        "resolve": _("Resolve"),
        "resolve_ok": _("Resolve"),
        "outcome": _("How it ended"),
        "duplicate_of": _("The appeal that it repeats"),
        "status": _("Status"),
        "snooze": _("Snooze"),
        "snooze_ok": _("Snooze"),
        "until": _("Until when"),
        "moment": _("Day and time"),
        "in_an_hour": _("For an hour"),
        "this_evening": _("This evening"),
        "tomorrow": _("Tomorrow morning"),
        "monday": _("Monday morning"),
        "another_time": _("Another time…"),
        "category": _("Category"),
        "district": _("District"),
        "language": _("Language of the appeal"),
        "priority": _("Priority"),
        "tags": _("Tags"),
        "tags_hint": _("Words with commas between them"),
        "none": _("none"),
        "number": _("Number of the appeal"),
        "duplicate": _("Mark as a duplicate"),
        "duplicate_text": _("Nothing moves: the appeal only says what it repeats."),
        "merge": _("Merge with another appeal"),
        "merge_text": _("The messages of %(number)s go to the appeal that you name."),
        "split": _("Split messages into a new appeal"),
        "split_ok": pgettext("to do", "Split off"),
        "messages": _("Which messages"),
        "split_subject": _("What the new appeal is about"),
        "different": _("They are of different people"),
        "different_text": _(
            "The appeals %(number)s and %(into)s are of two different people. Merge them all the "
            "same?"
        ),
        "merge_ok": _("Merge"),
        "take_over": _("Take it from them"),
        "delete_view": _("Delete the view “%(name)s”?"),
        "delete_shared": _("Everybody sees it."),
        "delete": _("Delete"),
        "view": _("Save as a view"),
        "view_ok": _("Save"),
        "view_name": _("Name of the view"),
        "view_kept": _("The view “%(name)s” is kept"),
        "view_deleted": _("The view “%(name)s” is deleted"),
        "view_shared": _("Everybody sees it"),
    }
