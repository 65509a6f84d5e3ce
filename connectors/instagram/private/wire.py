"""How calls leave the machine: to known hosts alone, with an end to every wait.

A transport under the `requests` sessions of instagrapi. It sends what is meant for Instagram to
`api_base`, and tells apart what surely did not leave from what may have arrived.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from instagrapi.transports import create_curl_h2_adapter  # type: ignore[import-untyped]
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

INSTAGRAM = "https://i.instagram.com"
CONNECT = 10.0
"""Seconds to get a connection, at most."""
MAX_ANSWER = 32 * 1024 * 1024
"""Bytes of an answer; the largest real ones have a few hundred thousand."""

_UNSENT_CURL = frozenset({5, 6, 7, 35, 60, 77, 97})
"""curl's codes of what fails before a request goes out: names, connections, TLS, the proxy.

Source: https://curl.se/libcurl/c/libcurl-errors.html
"""


class Unsent(Exception):
    """The request did not reach Instagram."""


class Lost(Exception):
    """The request went out, and no whole answer came back."""


class Wire(BaseAdapter):
    """Carries the requests of one account."""

    def __init__(self, api_base: str, *, timeout: Callable[[], float], open: Callable[[], bool]):  # noqa: A002
        """`timeout` gives the seconds to wait for an answer; nothing goes out unless `open()`."""
        super().__init__()
        self._base = urlsplit(api_base)
        self._redirected = api_base.rstrip("/") != INSTAGRAM
        self._timeout = timeout
        self._open = open
        # The app speaks HTTP/2 with a handshake of its own, which curl comes close to; a sandbox
        # speaks plain HTTP/1.1. No transport repeats a request by itself.
        secure = self._base.scheme == "https"
        self._inner: BaseAdapter = create_curl_h2_adapter() if secure else HTTPAdapter(0)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Make one request. Raises: Unsent, Lost."""
        if not self._open():
            raise Unsent("the account is closed")
        outgoing = self._outgoing(request)
        wait = self._timeout()
        failure: Exception
        try:
            response = self._inner.send(
                outgoing,
                stream=True,
                timeout=(min(CONNECT, wait), wait),
                verify=verify,
                cert=cert,
                proxies=proxies,
            )
            _ = response.content  # read here, where a broken answer is told from a broken request
        except requests.RequestException as error:
            failure = _told(error)
        else:
            if len(response.content) <= MAX_ANSWER:
                response.url, response.request = request.url or "", request
                return response
            failure = Lost("the answer is too large")
        # Outside the handler: what the transport raises may hold an address, and a secret with it.
        raise failure

    def _outgoing(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request as it leaves; the session keeps its own, whose host the cookies belong to."""
        parts = urlsplit(request.url or "")
        host = (parts.hostname or "").lower()
        if parts.scheme != "https" or not _known(host):
            raise Unsent("an address that is not Instagram's")
        outgoing = request.copy()
        if self._redirected:
            path = self._base.path.rstrip("/") + parts.path
            outgoing.url = urlunsplit((self._base.scheme, self._base.netloc, path, parts.query, ""))
            outgoing.headers["Host"] = self._base.netloc
        return outgoing

    def close(self) -> None:
        self._inner.close()


def _known(host: str) -> bool:
    return host == "rupload.facebook.com" or host.endswith(".instagram.com")


def _told(error: requests.RequestException) -> Exception:
    kind = type(error).__name__
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return Unsent(kind)
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.InvalidURL):
        return Unsent(kind)
    if getattr(error.__cause__, "code", None) in _UNSENT_CURL:
        return Unsent(kind)
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, NewConnectionError | ConnectTimeoutError):
        return Unsent(kind)
    return Lost(kind)
