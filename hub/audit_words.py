"""The audit in words: what each event is called, and who acted."""

from collections.abc import Mapping

from hub.web import i18n
from hub.web.i18n import deferred
from hub.web.i18n import gettext as _
from registry.audit import STRANGER
from registry.journal import CITIZEN, SYSTEM

EVENTS: Mapping[str, str] = {
    "account.health": deferred("The health of a channel's account changed"),
    "account.paused": deferred("A channel's account was paused"),
    "account.resumed": deferred("A channel's account works again"),
    "appeal.answered_by_citizen": deferred("The citizen answered: the appeal is in work again"),
    "appeal.change_undone": deferred("A change of an appeal was undone"),
    "appeal.changed": deferred("An appeal was changed"),
    "appeal.due_moved": deferred("The deadline moved with the calendar"),
    "appeal.escalated": deferred("An appeal is overdue: the supervisors were told"),
    "appeal.first_response_moved": deferred("The time of the first answer moved with the calendar"),
    "appeal.gave_messages_back": deferred("An appeal gave messages back"),
    "appeal.merge_undone": deferred("A merge of appeals was undone"),
    "appeal.merged": deferred("An appeal was merged into another one"),
    "appeal.opened": deferred("An appeal was registered"),
    "appeal.reopened": deferred("An appeal was reopened by a message of the citizen"),
    "appeal.seen": deferred("Looked at an appeal"),
    "appeal.split": deferred("An appeal was split"),
    "appeal.split_undone": deferred("A split of an appeal was undone"),
    "appeal.term_restarted": deferred("The term of an appeal began anew"),
    "appeal.took_messages": deferred("An appeal took over the messages of another one"),
    "appeal.woke": deferred("A snoozed appeal came back to the queue"),
    "audit.taken": deferred("Took the audit out as a table"),
    "call.answered": deferred("A call was answered"),
    "call.ended": deferred("A call ended"),
    "call.joined": deferred("A call was joined to an appeal"),
    "call.links_sent": deferred("Links to write to us were sent by SMS"),
    "call.message_left": deferred("A caller left a voice message"),
    "call.missed": deferred("A call rang at an operator and was not taken"),
    "call.recorded": deferred("A call was recorded"),
    "call.recording_deleted": deferred("The recording of a call was deleted: its time is over"),
    "call.registered": deferred("A call was registered as an appeal"),
    "call.transcribed": deferred("A machine wrote down what was said"),
    "call.transferred": deferred("A call was transferred"),
    "call.wrapped_up": deferred("It was written down what came of a call"),
    "call_back.cancelled": deferred("A call-back was cancelled"),
    "call_back.given_up": deferred("A call-back was given up"),
    "calendar.changed": deferred("The calendar was changed"),
    "calendar.filled": deferred("A year's holidays were put into the calendar"),
    "categories.seeded": deferred("The first categories were put in"),
    "category.changed": deferred("A category was changed"),
    "contact.blocked": deferred("The citizen blocked us"),
    "contact.change_undone": deferred("A change of a person's card was undone"),
    "contact.changed": deferred("A person's card was changed"),
    "contact.comment_hidden": deferred("A comment was hidden at the channel"),
    "contact.comment_shown": deferred("A comment is shown at the channel again"),
    "contact.merge_undone": deferred("A merge of persons was undone"),
    "contact.merged": deferred("Two persons were merged into one"),
    "contact.note_added": deferred("A note about a person was written"),
    "contact.note_deleted": deferred("A note about a person was removed"),
    "contact.referral": deferred("The citizen came by a link"),
    "contact.started": deferred("The citizen began the conversation"),
    "contact.unblocked": deferred("The citizen lets our replies in again"),
    "file.taken": deferred("Took a file"),
    "message.deleted": deferred("The citizen deleted a message"),
    "message.delivered": deferred("A reply was delivered"),
    "message.echoed": deferred("A reply was written in the app of the channel"),
    "message.edited": deferred("The citizen changed a message"),
    "message.failed": deferred("A reply was not delivered"),
    "message.hidden": deferred("A comment was hidden from others"),
    "message.queued": deferred("A reply was written"),
    "message.read": deferred("A reply was read"),
    "message.reaction": deferred("The citizen reacted to a message"),
    "message.received": deferred("The citizen wrote"),
    "message.retried": deferred("A reply was sent again"),
    "message.sending": deferred("A reply is being sent"),
    "message.sent": deferred("A reply was sent"),
    "message.shown": deferred("A comment is shown to others again"),
    "message.taken_back": deferred("A reply was taken back"),
    "message.uncertain": deferred("Nobody knows whether a reply went out"),
    "note.added": deferred("A note was written"),
    "office.changed": deferred("A setting of the office was changed"),
    "office.recomputed": deferred("The deadlines followed a changed setting"),
    "operator.added": deferred("An operator was added"),
    "operator.changed": deferred("An operator's card was changed"),
    "operator.disabled": deferred("An operator was disabled"),
    "operator.enabled": deferred("An operator was let in again"),
    "operator.linked": deferred("An operator signed in through another system for the first time"),
    "password.changed": deferred("A password was changed"),
    "password.reset": deferred("An operator was given another password"),
    "prompt.changed": deferred("What the telephone says was changed"),
    "prompt.restored": deferred("What the telephone says is as at first again"),
    "prompt.sound_removed": deferred("A recording for the telephone was removed"),
    "prompt.sound_stored": deferred("A recording for the telephone was put in"),
    "recording.heard": deferred("Listened to a recorded call"),
    "saved_reply.added": deferred("A saved reply was added"),
    "saved_reply.changed": deferred("A saved reply was changed"),
    "saved_reply.deleted": deferred("A saved reply was removed"),
    "saved_view.added": deferred("A view of the list was saved"),
    "saved_view.changed": deferred("A saved view was changed"),
    "saved_view.deleted": deferred("A saved view was removed"),
    "second_factor.removed": deferred("A second factor was taken away"),
    "second_factor.set": deferred("A second factor was set up"),
    "session.ended": deferred("An operator signed out"),
    "session.opened": deferred("An operator signed in"),
    "session.refused": deferred("Was not let in"),
    "team.added": deferred("A team was added"),
    "team.archived": deferred("A team was archived"),
    "team.joined": deferred("An operator joined a team"),
    "team.left": deferred("An operator left a team"),
    "team.renamed": deferred("A team was renamed"),
    "team.restored": deferred("A team was restored"),
    "token.added": deferred("A token was added"),
    "token.revoked": deferred("A token was revoked"),
}
"""By its code, each event that the hub itself writes."""

_PROGRAM = "token:"


def event(code: str) -> str:
    """What an event is called in the language in use."""
    known = EVENTS.get(code)
    if known is not None:
        return _(known)
    subject, _dot, what = code.partition(".")
    if subject == "contact":
        return _("The channel told of a person: %(event)s") % {"event": what.replace("_", " ")}
    return code


def event_in(language: str, code: str) -> str:
    """The same in a language."""
    with i18n.use(language):
        return event(code)


def actor(code: str, name: str | None) -> str:
    """Who acted; the name is an operator's."""
    if name:
        return name
    if code.startswith(_PROGRAM):
        return _("program %(name)s") % {"name": code.removeprefix(_PROGRAM)}
    known = {
        CITIZEN: _("Citizen"),
        SYSTEM: _("The hub itself"),
        STRANGER: _("Nobody signed in"),
    }
    return known.get(code, code)
