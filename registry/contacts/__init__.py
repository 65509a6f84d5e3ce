"""Contacts: the people whom we know, however many points they write from.

The caller commits.
"""

from registry.contacts.holding import (
    BadPoint,
    UnknownPerson,
    clean_point,
    doubts_about,
    hold_contact,
)

__all__ = ["BadPoint", "UnknownPerson", "clean_point", "doubts_about", "hold_contact"]
