"""The hours of the board as bars: where each stands in a drawing of the server's."""

from collections.abc import Sequence

from msgspec import Struct

from registry.calls.board import Hour

WIDTH, HEIGHT = 960, 200
"""Units of the drawing, without the labels."""
GAP = 6
LABELS = 26
"""Units below it for the hours, and above it for the scale."""


class Bar(Struct, frozen=True, kw_only=True):
    """An hour: how many called, of whom so many were answered; and a week before."""

    hour: int
    x: float
    width: float
    """Of today's bar and of that of a week before, which stand side by side."""
    calls_top: float
    answered_top: float
    before_top: float


class Chart(Struct, frozen=True, kw_only=True):
    """The drawing."""

    bars: tuple[Bar, ...]
    lines: tuple[tuple[float, int], ...]
    """Where a line of the scale is, and what it stands for."""


def drawn(hours: Sequence[Hour]) -> Chart:
    """Bars for the hours, all on one scale."""
    most = max((max(one.today.calls, one.before.calls) for one in hours), default=0)
    step = scale_step(most)
    top = max(step, -(-most // step) * step)

    def height(count: int) -> float:
        return round(HEIGHT * (1 - count / top), 1)

    each = WIDTH / max(1, len(hours))
    bars = [
        Bar(
            hour=one.hour,
            x=round(index * each + GAP / 2, 1),
            width=round((each - GAP) / 2, 1),
            calls_top=height(one.today.calls),
            answered_top=height(one.today.answered),
            before_top=height(one.before.calls),
        )
        for index, one in enumerate(hours)
    ]
    lines = [(height(count), count) for count in range(0, top + 1, step)]
    return Chart(bars=tuple(bars), lines=tuple(lines))


def scale_step(most: int) -> int:
    """A round number of which three to five make the scale."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if most <= 5 * step * factor:
                return step * factor
        step *= 10
