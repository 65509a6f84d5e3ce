"""A webhook's address: whether a provider can deliver there, and how another's is shown."""

from urllib.parse import urlsplit

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
