"""The token that a message of ours carries, and that Instagram gives back with the item.

It is a number of 64 bits that the app makes from the time. Below 2**62, where the app's are not
any more, it is our message's id; a later part's is told by its own checksum.
"""

from hashlib import sha256

_OURS = 1 << 62
_MASK = (1 << 30) - 1


def token_for(message_id: str, part: int) -> str:
    """What the part carries: the same at each try, so that Instagram may drop a repetition."""
    if part == 0 and message_id.isascii() and message_id.isdigit() and int(message_id) < _OURS:
        return str(int(message_id))
    name = int.from_bytes(sha256(f"{message_id}/{part}".encode()).digest()[:4], "big")
    return str(_OURS | name << 30 | _checksum(name))


def sent_by_hub(token: object) -> str | None:
    """The message's id, "" for a part that only tells that it is ours, None for anybody else's."""
    if not isinstance(token, str) or not token.isascii() or not token.isdigit() or len(token) > 19:
        return None
    number = int(token)
    if number < _OURS:
        return token
    if number >> 62 == 1 and number & _MASK == _checksum(number >> 30 & 0xFFFFFFFF):
        return ""
    return None


def _checksum(name: int) -> int:
    return int.from_bytes(sha256(f"tereze {name}".encode()).digest()[:4], "big") & _MASK
