"""Texts as the outside takes them: what UTF-8 can carry, and what a database can store."""


def sendable(text: str) -> str:
    """The text as UTF-8 can carry it: halves of surrogate pairs become the replacement mark."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def storable(text: str) -> str:
    """The same without NULs, which PostgreSQL does not store."""
    return sendable(text).replace("\x00", "")
