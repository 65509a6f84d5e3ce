"""One call to a provider over HTTP, with what became of it told as the hub understands it.

Secrets belong in the headers: an address shows up in logs and errors.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from connectors.base import Uncertain, Unreachable

TIMEOUT = 20.0
"""Seconds that a call takes at most."""
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the provider answered; below 500 always."""

    status: int
    headers: Mapping[str, str]
    """Case-insensitive."""
    data: Any
    """The JSON of the answer; None when it is none, which only a refusal (400 and up) may be."""


class Client:
    """A provider's HTTP API under one address; connects when it is first called."""

    def __init__(
        self, api_base: str, *, provider: str, headers: Mapping[str, str], timeout: float = TIMEOUT
    ) -> None:
        """`provider` is what errors call it; `headers` go with every call."""
        self.timeout = timeout
        self._base = api_base.rstrip("/")
        self._provider = provider
        self._headers = headers
        self._session: aiohttp.ClientSession | None = None

    async def call(
        self,
        method: str,
        path: str,
        *,
        data: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Make one call: `data` as aiohttp takes it (a form, a stream), a dict or a list as JSON.

        Raises: Unreachable when nothing was done, or the provider says that it is in trouble;
        Uncertain when the answer to a call that changes something was lost or cannot be read.
        """
        if self._session is None:
            # A redirect would carry the token to wherever it points, so none is followed.
            self._session = aiohttp.ClientSession(headers=self._headers)
        as_json = isinstance(data, dict | list)
        lost = Unreachable if method in _SAFE else Uncertain
        try:
            async with self._session.request(
                method,
                self._base + path,
                json=data if as_json else None,
                data=None if as_json else data,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=self.timeout),
                allow_redirects=False,
            ) as response:
                status, answered = response.status, response.headers
                body = await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(f"{self._provider} cannot be reached.") from error
        except TimeoutError as error:
            raise lost(f"{self._provider} did not answer within {self.timeout:g} s.") from error
        except aiohttp.ClientError as error:
            raise lost(f"{self._provider} broke the connection off.") from error
        if status >= 500:
            raise Unreachable(f"{self._provider} is in trouble.", code=str(status))
        try:
            decoded = json.loads(body) if body else None
        except (ValueError, RecursionError) as error:
            if status < 400:
                raise lost(f"{self._provider} answered what cannot be read") from error
            decoded = None
        return Reply(status=status, headers=answered, data=decoded)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
