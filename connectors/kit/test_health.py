"""An account that could not be asked about."""

from connectors.base import Health, Misconfigured, Unreachable
from connectors.kit.health import unreachable


def test_an_error_that_knows_its_cure_tells_it() -> None:
    error = Misconfigured("The token has ended.", cure="Make a new one.")

    found = unreachable(error, cure="Look at the network.")

    assert (found.health, found.summary) == (Health.DOWN, "The token has ended.")
    assert found.cure == "Make a new one."
    assert found.details == {}


def test_any_other_error_is_one_of_the_way_there() -> None:
    error = Unreachable("No answer came.")

    assert "api_base" in (unreachable(error).cure or "")
    found = unreachable(error, cure="Look at the network.", details={"spent": "$1"})
    assert (found.cure, found.details) == ("Look at the network.", {"spent": "$1"})
