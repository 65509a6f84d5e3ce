"""Broken variants of recorded deliveries: what a provider, a proxy or an attacker might send."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

HUGE = 100_000
"""Characters of a huge string."""
DEEP = 300
"""Levels of a deep nest that a decoder still takes."""

_ODDITIES: Sequence[Any] = (
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**53 + 1,
    2**63,
    10**30,
    -(10**30),
    1.5,
    1e308,
    "",
    " ",
    "0",
    "-1",
    "null",
    "2026-13-45T99:99:99Z",
    "\x00",
    "Абай\x00даңғылы",
    "\ud800",
    "Сәлем\udfff",
    "\u202e\ufeff",
    "қ" * HUGE,
    [],
    {},
    [[]],
    [None],
    [1, "a", {}],
    {"": None},
    {"id": {}},
)

_Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def mutated(draw: _Draw, contents: Sequence[Any]) -> Any:
    """One of `contents` with one to four changes to its structure."""
    tree = copy.deepcopy(draw(st.sampled_from(contents)))
    for _ in range(draw(st.integers(1, 4))):
        tree = _changed(draw, tree)
    return tree


def _changed(draw: _Draw, tree: Any) -> Any:
    root = {"": tree}
    places = list(_places(root))
    holder, key = places[draw(st.integers(0, len(places) - 1))]
    change = draw(st.sampled_from(["drop", "odd", "nest", "rename", "repeat", "swap"]))
    value = holder[key]
    if change == "drop" and holder is not root:
        del holder[key]
    elif change == "nest":
        holder[key] = _nested(value, draw(st.sampled_from([1, DEEP])), draw(st.booleans()))
    elif change == "rename" and isinstance(holder, dict) and holder is not root:
        holder[draw(st.text(max_size=8))] = holder.pop(key)
    elif change == "repeat" and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(value))
    elif change == "swap":
        other_holder, other = places[draw(st.integers(0, len(places) - 1))]
        holder[key] = copy.deepcopy(other_holder[other])
    else:
        holder[key] = copy.deepcopy(draw(st.sampled_from(_ODDITIES)))
    return root[""]


def _places(holder: Any) -> Any:
    """Every place of the tree as its holder and the key in it."""
    keys = list(holder) if isinstance(holder, dict) else range(len(holder))
    for key in keys:
        yield holder, key
        if isinstance(holder[key], dict | list):
            yield from _places(holder[key])


def _nested(value: Any, levels: int, as_list: bool) -> Any:
    for _ in range(levels):
        value = [value] if as_list else {"value": value}
    return value
