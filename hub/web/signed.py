"""Who has signed in, as pages and handlers find it on a request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from registry.operators import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A browser's session and the operator behind it."""

    digest: str
    """Names the session; it opens nothing."""
    principal: Principal
    email: str
    csrf: str
    """What a request that changes something has to bring along."""
    stage: str
    """"second_factor", "new_password" or "in": only the last has got in."""
    languages: tuple[str, ...] = ()
    """What they answer in; empty for all."""
    preferences: Mapping[str, Any] = field(default_factory=dict)
    """Of the screen: language, theme, sounds, keys."""

    @property
    def language(self) -> str | None:
        """The language of the screen, where they chose one."""
        chosen = self.preferences.get("language")
        return chosen if isinstance(chosen, str) else None


SESSION = web.RequestKey("session", Signed)
"""The browser's session, however far it got."""

PRINCIPAL = web.RequestKey("principal", Principal)
"""Who asks, by a session in which they are in or by a token."""
