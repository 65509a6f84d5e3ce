"""Where a request came from, seen through the proxies that we trust."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from aiohttp import web


def remote_of(request: web.Request, trusted: Sequence[str]) -> str | None:
    """The client's address.

    `X-Forwarded-For` is believed only as far as `trusted` (addresses or networks) wrote it: read
    from the right, the first address that is none of ours is the client.
    """
    remote = request.remote
    if not trusted or remote is None or not _is_trusted(remote, trusted):
        return remote
    hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    for hop in reversed([hop.strip() for hop in hops if hop.strip()]):
        if not _is_trusted(hop, trusted):
            return hop
    return remote


def _is_trusted(address: str, trusted: Sequence[str]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in ip_network(network, strict=False) for network in trusted)
