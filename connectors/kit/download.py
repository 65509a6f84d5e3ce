"""A file from an address that came in a delivery: a stranger's word, so only known hosts are asked.

The address may hold a signature that opens the file: no error shows it.
"""

import hashlib
import ipaddress
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Collection, Mapping
from http import HTTPStatus

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from connectors.base import Misconfigured, Rejected, SendError, Throttled, Unreachable

TIMEOUT = 20.0
"""Seconds without a byte after which a download is given up."""
CONNECT = 10.0
"""Seconds to get a connection."""
WHOLE = 300.0
"""Seconds for a whole file."""
REDIRECTS = 5
"""Redirects that are followed at most."""
LONGEST_PAUSE = 3600.0
"""Seconds that a host is believed to want us to wait."""
_CHUNK = 64 * 1024
_PAUSE = 5.0
"""Seconds to wait where a host says "too many" and not how long."""
_GONE = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
"""Signed addresses that ended are answered with 403."""
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_MOVED = frozenset({301, 302, 303, 307, 308})


async def download(
    address: str,
    *,
    provider: str,
    hosts: Collection[str],
    api_base: str,
    max_bytes: int,
    headers: Mapping[str, str] | None = None,
    sha256: str | None = None,
    unauthorized: Misconfigured | None = None,
    timeout: float = TIMEOUT,
) -> AsyncIterator[bytes]:
    """Stream a file in chunks, over https from one of `hosts` or from where `api_base` is.

    A host that starts with a dot means every host under it. `headers` (a token, say) go to the
    first host alone, and to none that it redirects to. `sha256`, in hexadecimal or base64, is
    compared at the end. `unauthorized` is raised when the host answers 401.

    Raises: Rejected when the file can never be had (gone, too large, an address that is not the
    provider's), Throttled or Unreachable when it may be later, and `unauthorized`.
    """
    failure: SendError | None = None
    digest = hashlib.sha256() if sha256 else None
    received = 0
    home = _parsed(api_base)
    url: URL | None = _parsed(address)
    first = url
    # One session for one file: connections to hosts of strangers are not kept.
    connector = aiohttp.TCPConnector(resolver=_Resolver(None if home is None else home.host))
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        for _ in range(REDIRECTS + 1):
            if url is None or not _allowed(url, hosts, home):
                failure = Rejected(f"The file's address is not one of {provider}'s.")
                break
            shown = headers if first is not None and _origin(url) == _origin(first) else None
            if shown is None:
                headers = None  # and so it stays, wherever the next redirect leads
            moved = False
            try:
                async with http.get(
                    url,
                    headers={"Accept-Encoding": "identity", **(shown or {})},
                    timeout=aiohttp.ClientTimeout(total=WHOLE, connect=CONNECT, sock_read=timeout),
                    allow_redirects=False,
                ) as response:
                    if response.status in _MOVED:
                        moved = True
                        url = _redirected(url, response.headers.get("Location"))
                    else:
                        failure = _refused(response, provider, unauthorized)
                        if failure is None and (response.content_length or 0) > max_bytes:
                            failure = _too_large(max_bytes)
                        if failure is None:
                            async for chunk in response.content.iter_chunked(_CHUNK):
                                received += len(chunk)
                                if received > max_bytes:
                                    failure = _too_large(max_bytes)
                                    break
                                if digest is not None:
                                    digest.update(chunk)
                                yield chunk
            except aiohttp.ClientConnectorDNSError as error:
                failure = _unresolved(error, provider)
            except aiohttp.InvalidURL:
                failure = Rejected(f"The file's address is not one of {provider}'s.")
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
                failure = Unreachable(f"The connection to {provider} broke during the download.")
            if not moved:
                break
        else:
            failure = Rejected(f"{provider} sends the download from one address to another.")
    if failure is None and digest is not None and not _same(digest.digest(), sha256 or ""):
        failure = Unreachable(f"The file from {provider} arrived damaged.", most_tries=3)
    if failure is not None:
        # Outside the handlers: an error of the HTTP client may hold the whole address.
        raise failure


# --- Where a file may come from -----------------------------------------------------------------


class _Private(OSError):
    """A public name that leads into a private network."""


class _Resolver(ThreadedResolver):
    """Names lead to public addresses only; `home`, the provider's own, wherever it likes."""

    def __init__(self, home: str | None) -> None:
        super().__init__()
        self._home = home

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        if host == self._home:
            return found
        public = [one for one in found if ipaddress.ip_address(one["host"]).is_global]
        if found and not public:
            raise _Private("no public address")
        return public


def _parsed(address: str) -> URL | None:
    """The address exactly as it was signed, or None for what is none."""
    try:
        plain = address.isascii() and address.isprintable() and " " not in address
        url = URL(address, encoded=plain)
        return url if url.absolute and url.host and url.port else None
    except ValueError:
        return None


def _redirected(url: URL, location: str | None) -> URL | None:
    if not location:
        return None
    if location.startswith("/") and not location.startswith("//"):
        return _parsed(str(url.origin()) + location)
    return _parsed(location)


def _origin(url: URL) -> tuple[str, str, int | None]:
    return url.scheme.lower(), (url.host or "").lower(), url.port


def _allowed(url: URL, hosts: Collection[str], home: URL | None) -> bool:
    if url.user is not None or url.password is not None:
        return False
    if home is not None and _origin(url) == _origin(home):
        return True
    scheme, host, port = _origin(url)
    if scheme != "https" or port != 443 or _is_address(host):
        return False
    return any(host == known or (known[0] == "." and host.endswith(known)) for known in hosts)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


# --- What became of it --------------------------------------------------------------------------


def _refused(
    response: aiohttp.ClientResponse, provider: str, unauthorized: Misconfigured | None
) -> SendError | None:
    status, code = response.status, str(response.status)
    if status == HTTPStatus.OK:
        return None
    if status == HTTPStatus.UNAUTHORIZED and unauthorized is not None:
        return unauthorized
    if status in _GONE:
        return Rejected(f"{provider} no longer has the file.", code=code)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        asked = response.headers.get("Retry-After", "")
        wait = float(asked) if asked.isascii() and asked.isdecimal() else _PAUSE
        return Throttled(
            f"{provider} asks for patience with the download.",
            retry_after=min(max(wait, 1.0), LONGEST_PAUSE),
            whole_account=False,
            code=code,
        )
    reason = f"{provider} answered {status} instead of the file."
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unreachable(reason, code=code)
    return Rejected(reason, code=code)


def _too_large(max_bytes: int) -> Rejected:
    limit = f"{max_bytes // (1024 * 1024)} MB" if max_bytes >= 1024 * 1024 else f"{max_bytes} bytes"
    return Rejected(f"The file is larger than {limit}.", code="too_large")


def _unresolved(error: aiohttp.ClientConnectorDNSError, provider: str) -> SendError:
    if isinstance(error.os_error, _Private):
        return Rejected(f"The file's address is not one of {provider}'s.")
    return Unreachable(f"{provider} cannot be reached for the download.")


def _same(digest: bytes, expected: str) -> bool:
    return expected.lower() == digest.hex() or expected == b64encode(digest).decode()
