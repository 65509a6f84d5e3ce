"""What an appeal is called after the text that it begins with."""

SUBJECT_CHARACTERS = 120


def first_line(text: str) -> str:
    """The first line that says anything, cut to what a list shows."""
    line = next((line for line in map(str.strip, text.splitlines()) if line), "")
    return line if len(line) <= SUBJECT_CHARACTERS else line[: SUBJECT_CHARACTERS - 1] + "…"
