"""Two legs that hear each other without a conference."""

from dataclasses import dataclass

from connectors.phone.sandbox_legs import Leg


@dataclass(slots=True, eq=False)
class Bridge:
    """Ends when one of the two goes."""

    first: Leg
    second: Leg
    over: bool = False

    def other(self, leg: Leg) -> Leg:
        return self.second if leg is self.first else self.first

    def end(self) -> None:
        self.over = True
        for leg in (self.first, self.second):
            leg.bell.ring()


async def talk(leg: Leg, bridge: Bridge, *, seconds: float | None = None) -> None:
    """Stay in it until it ends, or one hangs up. Raises: HungUp, Moved of this very leg."""
    leg.bridged = bridge.other(leg)
    with leg.at("bridge"):
        try:
            await leg.until(lambda: bridge.over, seconds=seconds)
        finally:
            leg.bridged = None
            bridge.end()
