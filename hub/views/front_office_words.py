"""What the form of the front office says while it is filled in."""

from hub.web.i18n import gettext as _


def front_office_words() -> dict[str, object]:
    """The words in the language in use."""
    return {
        "who": _("Write a name, or where the person can be reached."),
        "what": _("Write down what they say, or attach their letter."),
        "phone": _("A phone number has 10 or 11 digits, or begins with + and the country."),
        "email": _("An address looks like name@example.kz."),
        "uploading": _("A file is still being uploaded."),
        "unknown_outcome": _(
            "The hub did not answer. Register it again: what is registered already is not "
            "registered twice."
        ),
        "iin": {
            "digits": _("An IIN has 12 digits. Look again; it can stay so."),
            "birthday": _("An IIN begins with a birthday. Look again; it can stay so."),
            "check": _("The last digit does not fit the others. Look again; it can stay so."),
        },
        "remove_phone": _("Remove this phone"),
        "use": _("This is them"),
        "live": _("open now"),
        "others": _("earlier: %(n)s"),
        "no_open": _("Nothing of theirs is open."),
        "nobody": _("Nobody is known by that."),
        "clear": _("Clear the form?"),
        "clear_ok": _("Clear"),
        "restored": _("What you had begun to write is here again."),
    }
