"""What the panel says when something of it is changed."""

from hub.web.i18n import gettext as _


def panel_words() -> dict[str, str]:
    """The words in the language in use."""
    return {
        "copied": _("Copied"),
        "kind": _("Kind"),
        "deadline": _("Deadline"),
        "deadline_at": _("Day and time"),
        "deadline_by_hand": _("At another time"),
        "deadline_by_rules": _("As category and calendar have it"),
        "reason": _("Why"),
        "reason_hint": _("Needed for a later deadline; the journal keeps it."),
        "renamed": _("Renamed"),
        "language": _("What they speak"),
        "as_they_write": _("as they write"),
        "language_set": _("Language changed"),
        "block": _("Block this person?"),
        "block_text": _(
            "Their messages are kept and raise nothing: their appeals leave the queues of "
            "everybody until somebody unblocks them."
        ),
        "block_ok": _("Block"),
        "blocked": _("Blocked"),
        "unblocked": _("Unblocked"),
        "note_kept": _("The note is kept"),
        "note_dropped": _("The note was deleted"),
        "drop_note": _("Delete the note?"),
        "drop_ok": _("Delete"),
        "merge": _("Who is the same person?"),
        "merge_which": _("%(a)s and %(b)s become one person"),
        "merge_text": _("Appeals, points and notes of both are together from now on."),
        "merge_name": _("The name that stays"),
        "merge_ok": _("Make them one"),
        "merged": _("They are one person now"),
        "unmerged": _("They are two people again"),
        "no_name": _("No name"),
    }
