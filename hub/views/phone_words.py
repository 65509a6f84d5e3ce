"""What the softphone says: states, stages of a call, and what may go wrong."""

from collections.abc import Mapping

from hub.views import labels
from hub.views.call_lines import OUTCOMES
from hub.web.i18n import deferred
from hub.web.i18n import gettext as _

STATES: Mapping[str, str] = {
    "available": deferred("Takes calls"),
    "ringing": deferred("It rings"),
    "busy": deferred("On a call"),
    "wrap_up": deferred("Writing down"),
    "away": deferred("Away"),
}
REASONS: Mapping[str, str] = {
    "break": deferred("Break"),
    "meal": deferred("Meal"),
    "training": deferred("Training"),
    "other": deferred("Other work"),
    "no_answer": deferred("Did not answer"),
    "signed_out": deferred("Phone off"),
    "failed": deferred("Phone out of order"),
}
CHOSEN = ("break", "meal", "training", "other")
"""Reasons that operators give; the others the hub does."""
REASON_ICONS = {"break": "coffee", "meal": "tools-kitchen-2", "training": "school", "other": "dots"}
# icon("coffee") icon("tools-kitchen-2") icon("school") icon("dots"): for the sprite.
LANGUAGES = {"kk": "Қазақша", "ru": "Русский", "en": "English"}


def softphone(there: bool) -> dict[str, object]:
    """What every page finds of the telephone, if there is one."""
    return {
        "telephony": there,
        "phone_reasons": CHOSEN,
        "phone_reason_names": REASONS,
        "phone_reason_icons": REASON_ICONS,
        "phone_outcomes": OUTCOMES,
    }


def phone_words() -> dict[str, object]:
    """The words in the language in use."""
    return {
        "states": _all(STATES),
        "reasons": _all(REASONS),
        "outcomes": _all(OUTCOMES),
        "languages": LANGUAGES,
        "after": _("then: %(reason)s"),
        "stages": {
            "offer": _("Incoming call"),
            "transfer": _("A colleague gives you a call"),
            "consult": _("A colleague asks you to take a call over"),
            "own": _("Your phone rings first"),
            "calling": _("Calling…"),
            "coming": _("Connecting…"),
            "talking": _("On the line"),
            "held": _("On hold"),
            "wrap_up": _("Write down what it was about"),
        },
        "asked": _("%(name)s is asked"),
        "joined": _("%(name)s has joined"),
        "number": _("Phone number"),
        "withheld": _("Number withheld"),
        "waited": _("waited %(time)s"),
        "elsewhere": _("Answer it at %(device)s"),
        "connecting": _("Turning the phone on…"),
        "no_microphone": _(
            "The browser may not use the microphone. Allow it beside the address, or choose "
            "another phone."
        ),
        "no_answer": _(
            "The phone service does not answer. Check this computer's network, or let calls ring "
            "on a desk phone."
        ),
        "not_ready": _("The browser's phone does not connect: %(reason)s"),
        "no_sdk": _("The browser's phone could not be loaded. Try again, or choose another phone."),
        "lost": _("The browser's phone has lost its connection; it connects again by itself."),
        "stays": _("You are on a call: this opens in a new tab."),
        "device": _("Where calls ring"),
        "device_text": _("A SIP address (sip:name@host) or a number with its country (+7…)."),
        "device_kept": _("Your calls ring there now"),
        "transfer": _("Give the call to…"),
        "transfer_ok": _("Give"),
        "to": _("To whom"),
        "anybody": _("Whoever is free"),
        "team": _("team"),
        "announced": _("Talk with them first"),
        "announced_hint": _("The caller hears music meanwhile; to a team a call goes at once."),
        "mute": _("Mute"),
        "unmute": _("Unmute"),
        "hold": _("Hold"),
        "resume": _("Back to the caller"),
        "saved": _("Kept"),
        "registered": _("Registered"),
        "joined_to": _("The call belongs to %(number)s"),
        "about_what": _("Write down what the call was about."),
        "subject": _("Say in a few words what it is about"),
        "calling_to": _("Calling %(number)s: pick up your phone"),
        "no_call_back": _("Need nobody call %(name)s back?"),
        "no_call_back_text": _("They go from the list. If they call again, they are in it again."),
        "no_call_back_ok": _("Not needed"),
        "waiting": _("%(n)s in the queue"),
        "nobody_waits": _("Nobody waits"),
        "since": _("longest %(time)s"),
        "another_person": _("Another person's appeal"),
        "another_person_text": _(
            "%(number)s is of another person than the caller. Put the call there all the same?"
        ),
        "put": _("Put it there"),
    }


def commands() -> dict[str, str]:
    """What can be done, by the names of commands."""
    return {
        "phone-available": _("Take calls"),
        "phone-away": _("Away from the phone"),
        "phone-browser": _("Ring in this browser"),
        "phone-device": _("Ring at another phone…"),
        "phone-call": _("Call a number…"),
        "phone-accept": _("Answer the call"),
        "phone-decline": _("Decline the call"),
        "phone-hang-up": _("Hang up"),
        "phone-mute": _("Mute"),
        "phone-hold": _("Hold, and back to the caller"),
        "phone-transfer": _("Transfer the call…"),
        "phone-complete": _("Hand the caller over"),
        "phone-cancel": _("Take the caller back"),
        "phone-card": _("Call card"),
        "phone-settle": _("Register the call, or put it to the chosen appeal"),
    }


def problems() -> dict[str, str]:
    """What is refused at the phone, by the problem's code."""
    return {
        "no_operator": _("Only an operator has a phone."),
        "no_phone": _("The hub has no telephone."),
        "other_device": _("Your calls ring at %(device)s; choose the browser first."),
        "phone_off": _("Turn your phone on first: choose that you take calls."),
        "no_number": _("No phone number of this person is known."),
        "not_talking": _("You do not have this call any more."),
        "not_free": _("They cannot take a call now; choose somebody else, or a team."),
        "on_the_line": _("Finish the call that you have first, and write down what it was about."),
        "being_called": _("A colleague is calling them just now."),
        "nobody_asked": _("Your colleague has not joined yet; wait, or take the caller back."),
        "nothing_rings": _("It does not ring any more."),
        "nothing_to_wrap_up": _("There is no call to write about."),
        "about_what": _("Write down what the call was about."),
        "no_matter": _("The call belongs to no appeal yet: register it, or put it to one."),
    }


def _all(names: Mapping[str, str]) -> dict[str, str]:
    return {code: labels.label(names, code) for code in names}
