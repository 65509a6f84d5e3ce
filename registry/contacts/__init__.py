"""Contacts: the people whom we know, however many points they write from.

The caller commits.
"""

from registry.contacts.holding import (
    EMAIL,
    PHONE,
    BadPoint,
    UnknownPerson,
    clean_point,
    doubts_about,
    hold_contact,
)

__all__ = [
    "EMAIL",
    "PHONE",
    "BadPoint",
    "UnknownPerson",
    "clean_point",
    "doubts_about",
    "hold_contact",
]
