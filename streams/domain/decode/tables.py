"""Tables of names, written as text so that one screen shows them whole."""


def names(text: str) -> tuple[str, ...]:
    """Return the words of a text, in order."""
    return tuple(text.split())
