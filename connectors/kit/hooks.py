"""A webhook's address: whether a provider can deliver there, and how another's is shown."""

from urllib.parse import urlsplit

from connectors.base import Misconfigured
from connectors.kit.graph import GRAPH

_HERE = frozenset({None, "localhost", "127.0.0.1", "::1"})


def is_public(hook: str) -> bool:
    """Whether it is an https address that does not end on this machine."""
    return urlsplit(hook).scheme == "https" and not is_here(hook)


def is_here(hook: str) -> bool:
    """Whether it leads to this machine, or nowhere."""
    return urlsplit(hook).hostname in _HERE


def origin_of(url: str) -> str:
    """The address without its path, which may hold another program's secret."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def unusable_at_meta(hook: str, api_base: str) -> Misconfigured | None:
    """Why Meta would not deliver to this address; a stand-in for Meta takes any."""
    if api_base != GRAPH or is_public(hook):
        return None
    parts = urlsplit(hook)
    return Misconfigured(
        "Meta delivers only to a public https address, and public_url is "
        f"{parts.scheme}://{parts.netloc}.",
        cure="Put the hub's public https address in public_url.",
    )
