"""Log templates: a line's stateless shape, and the templates that shapes merge into."""

from streams.domain.templates.capping import coarse_shape
from streams.domain.templates.merging import ResolvedTemplate, TemplateSet
from streams.domain.templates.shapes import ShapeCache, shape_id
from streams.domain.templates.slots import template_slots

__all__ = [
    "ResolvedTemplate",
    "ShapeCache",
    "TemplateSet",
    "coarse_shape",
    "shape_id",
    "template_slots",
]
