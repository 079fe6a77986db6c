"""The values that a body has where its template says `<*>`."""

from streams.domain.templates.masking import WILDCARD
from streams.domain.templates.shapes import shape_text


def template_slots(template_text: str, body: str) -> list[str] | None:
    """Return the values of the `<*>` of a template in a body, None when the body is not of it.

    Linear in the body: each constant part is looked for once, from left to right; a slot may hold
    several words or none.
    """
    line = shape_text(body)
    first, *constants = template_text.split(WILDCARD)
    if not constants:
        return [] if line == template_text else None
    last = constants.pop()
    start, end = len(first), len(line) - len(last)
    if start > end or not line.startswith(first) or not line.endswith(last):
        return None
    values = []
    for constant in constants:
        found = line.find(constant, start, end) if constant else start
        if found < 0:
            return None
        values.append(line[start:found])
        start = found + len(constant)
    values.append(line[start:end])
    return values
