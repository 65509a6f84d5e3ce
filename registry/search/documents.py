"""Documents: the words that stand for an appeal, in the order in which they stand in it.

A document is text of a-z, 0-9 and "_" with single spaces, and "." between its pieces, so that both
databases cut it the same way. Marks come first: who may see the appeal, its number, phones.
"""

from collections.abc import Iterator
from hashlib import blake2b

from registry.operators import Principal
from registry.search.numbers import number_marks, phone_marks, phones
from registry.search.query import Either, Expression, Leaf
from registry.search.sources import Piece, Place, Source
from registry.search.words import words

VERSION = 2
"""Of all that makes a document of a source, and an expression of a query. Whatever changes there,
this grows: every document is then written anew."""

LONGEST = 400_000
"""Characters of a document. PostgreSQL takes no more than a megabyte, and the oldest words of an
endless conversation are missed by nobody."""

_BREAK = "."


def document(source: Source) -> str:
    """The words of an appeal."""
    marks = dict.fromkeys(scope_marks(source.team, source.assignee_id))
    tokens: list[str] = []
    for piece in source.pieces:
        marks |= dict.fromkeys(_marks(piece))
        tokens += [*_tokens(piece), _BREAK]
    written = " ".join([*marks, _BREAK, *tokens])
    return written if len(written) <= LONGEST else written[:LONGEST].rpartition(" ")[0]


def piece_words(piece: Piece) -> str:
    """The words of one piece, as they are in the document."""
    return " ".join([*_marks(piece), _BREAK, *_tokens(piece)])


def _tokens(piece: Piece) -> Iterator[str]:
    if piece.place not in (Place.NUMBER, Place.PHONE):
        yield from (token for word in words(piece.text) if (token := word.token))


def _marks(piece: Piece) -> Iterator[str]:
    if piece.place is Place.NUMBER:
        yield from number_marks(piece.text)
    elif piece.place is Place.PHONE:
        yield from phone_marks(piece.text)
    else:
        for start, end in phones(piece.text):
            yield from phone_marks(piece.text[start:end])


# --- Who may see it -------------------------------------------------------------------------------
# The tables decide (see registry.access). The marks only spare a search what they would refuse.


def scope_marks(team: str | None, assignee_id: int | None) -> list[str]:
    """Whose an appeal is."""
    held = [] if assignee_id is None else [f"_h{assignee_id}"]
    return [_NOBODYS if team is None else _team_mark(team), *held]


def scope_of(viewer: Principal) -> Expression | None:
    """What a document must fit so that its appeal may be the viewer's to see; None for all."""
    if viewer.teams is None:
        return None
    marks = [_NOBODYS, *map(_team_mark, sorted(viewer.teams))]
    if viewer.operator_id is not None:
        marks.append(f"_h{viewer.operator_id}")
    return Either(tuple(map(Leaf, marks)))


_NOBODYS = "_t"


def _team_mark(team: str) -> str:
    return f"_t{blake2b(team.encode(), digest_size=6).hexdigest()}"
