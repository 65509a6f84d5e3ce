"""Messages that count, for the browser, which learns the number only later."""

from collections.abc import Callable

_SAMPLES = {"one": 1, "few": 2, "many": 5, "other": 100}
"""A number of each form that `Intl.PluralRules` may name in our languages."""


def plural(say: Callable[[int], str]) -> dict[str, str]:
    """Every form of a message that counts, by the name of the form."""
    return {form: say(number) for form, number in _SAMPLES.items()}
