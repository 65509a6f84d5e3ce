"""The reference pages say what the code says."""

import pytest

from docs import reference


@pytest.mark.parametrize("name", sorted(reference.pages()))
def test_a_reference_page_is_current(name: str) -> None:
    written = (reference.FOLDER / name).read_text("utf-8")

    assert written == reference.pages()[name], "run `make reference`"
