"""The shape that stands for many when a service writes more shapes than are worth keeping."""

from streams.domain.templates.masking import WILDCARD


def coarse_shape(shape: str) -> str:
    """Return the shape that stands for all shapes with the same first word."""
    first, _, rest = shape.partition(" ")
    return f"{first} {WILDCARD}" if rest else WILDCARD
