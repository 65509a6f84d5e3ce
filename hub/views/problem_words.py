"""What the API refuses, in the operator's language, by the code of the problem.

Every code that can be met at the desk is here. %(…)s are members of the problem.
"""

from hub.views import phone_words
from hub.web.i18n import gettext as _


def problems() -> dict[str, str]:
    """By the problem's code."""
    return {**_of_appeals(), **_of_replies(), **_of_the_rest(), **phone_words.problems()}


def _of_appeals() -> dict[str, str]:
    return {
        "already_held": _("Somebody holds this appeal already: %(holder)s."),
        "illegal_move": _("The appeal cannot go from its status to that one."),
        "changed_since": _("It was changed again since; it cannot be undone."),
        "nothing_undone": _("It was changed again since; it cannot be undone."),
        "not_undoable": _("This cannot be undone."),
        "different_contacts": _("The two appeals are of different people."),
        "merged": _("The appeal was merged with another one; go on there: %(into)s."),
        "form_changed": _(
            "This was registered already, as %(number)s, and you have changed it since. Correct it "
            "there; for another appeal clear the form."
        ),
        "cannot_hide": _("This comment cannot be hidden."),
    }


def _of_replies() -> dict[str, str]:
    return {
        "window_closed": _("The time in which this channel takes a reply is over."),
        "contact_blocked": _("The citizen has blocked this account."),
        "account_down": _("The account does not work now; see the channels page for the cure."),
        "account_paused": _("The account is paused; a supervisor resumes it on the channels page."),
        "account_missing": _("The account is not in the settings any more."),
        "no_channel": _("This appeal has no channel to reply through."),
        "only_spoken": _("Nothing can be written there: call them, or choose another way."),
        "no_way": _("The citizen cannot be reached this way."),
        "other_appeal": _("Another appeal is being talked about there; answer in that one."),
        "another_contact": _("Somebody else answers there now."),
        "colleague_replied": _("A colleague has replied in the meantime."),
        "blank": _("Write something, or attach a file."),
        "attachment": _("This channel does not carry one of the files."),
        "no_templates": _("This channel knows no templates."),
        "no_private_reply": _("Here nobody can be answered privately."),
        "private_reply_used": _("This comment has been answered privately already."),
        "private_reply_too_long": _("A private reply is one message; shorten it."),
        "not_retryable": _("There is nothing to send again."),
        "key_reused": _("This was sent already, with other words. Load the page again."),
        "too_late": _("It is too late: the reply is on its way."),
        "taken_back": _("The reply was taken back already."),
        "draft_changed": _("The draft was changed in another window."),
    }


def _of_the_rest() -> dict[str, str]:
    return {
        "not_found": _("This is not there any more, or not yours to see."),
        "bad_cursor": _("The list has changed in the meantime. Load the page again."),
        "broken_body": _("It did not arrive whole; send it again."),
        "malformed": _("It did not arrive whole; send it again."),
        "internal": _("The hub failed at this. Try again, or tell an administrator."),
        "refused": _("This cannot be done now."),
        "provider_refused": _(
            "The provider refuses: %(reason)s Do it at the provider's own page, or tell an "
            "administrator."
        ),
        "provider_unavailable": _("%(reason)s Try again in a moment."),
        "idempotency_key_required": _("This page is too old. Load it again."),
        "invalid_idempotency_key": _("This page is too old. Load it again."),
        "forbidden": _("Your role does not reach so far."),
        "concerns_others": _(
            "They have appeals in other teams as well. A supervisor can block or merge them."
        ),
        "unavailable": _("The registry cannot be reached. Try again in a moment."),
        "too_large": _("The file is too large."),
        "too_slow": _("The file came too slowly; send it again."),
        "not_a_sound": _("The telephone cannot play this file; make an MP3 or a WAV of it."),
        "sound_too_long": _("The recording is too long: at most %(limit)s seconds are taken."),
        "not_to_be_heard": _("Recordings are heard by supervisors and by whoever was on the line."),
        "attachment_lost": _("The file is gone from the store."),
        "taken": _("There is one by that name already."),
        "last_admin": _("The last administrator cannot go; make somebody else one first."),
        "csrf": _("This page is too old. Load it again."),
    }
