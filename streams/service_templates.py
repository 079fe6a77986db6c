"""The shapes of one service in memory, and the templates they resolve to."""

from collections.abc import Iterable, Mapping

import msgspec

from streams.domain.templates import ResolvedTemplate, TemplateSet
from streams.store.templates import KnownShape


class TemplateChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What new shapes change.

    `resolved` are the shapes that resolve otherwise than before, new ones included; `moved` those
    among them that were known before; `gone` the templates that were merged into others.
    """

    resolved: list[KnownShape]
    moved: list[int]
    gone: list[int]


class ServiceTemplates:
    """What the shapes of a service resolve to."""

    def __init__(self, known: Iterable[KnownShape]) -> None:
        self._set = TemplateSet()
        self._texts: dict[int, str] = {}
        self._resolved: dict[int, ResolvedTemplate] = {}
        self._members: dict[int, list[int]] = {}
        for shape in known:
            self._texts[shape.shape_id] = shape.shape
            self._resolved[shape.shape_id] = ResolvedTemplate(shape.template_id, shape.text)
        self._members = _members_of(self._resolved)
        self._unstored: TemplateChanges | None = self.add(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def take_unstored(self) -> TemplateChanges | None:
        """Return, once, what was stored otherwise than it resolves now.

        There is something when shapes were forgotten or the rules changed since it was stored.
        """
        unstored, self._unstored = self._unstored, None
        return unstored

    def __contains__(self, shape_id: int) -> bool:
        return shape_id in self._texts

    def template_id(self, shape_id: int) -> int:
        """Return the template a known shape resolves to."""
        return self._resolved[shape_id].template_id

    def members(self, template_id: int) -> list[int]:
        """Return the shapes that resolve to the template, ascending; none when it was merged."""
        return self._members.get(template_id, [])

    def current(self, template_id: int) -> int | None:
        """Return the template that an id given out earlier stands for now, None: forgotten."""
        resolved = self._resolved.get(template_id)
        return None if resolved is None else resolved.template_id

    def text(self, template_id: int) -> str:
        """Return the text of a template."""
        return self._resolved[template_id].text

    def add(self, shapes: Mapping[int, str]) -> TemplateChanges:
        """Add shapes by id and return what that changes; nothing is stored here."""
        for shape_id, shape in shapes.items():
            self._set.add(shape_id, shape)
        self._texts.update(shapes)
        before, self._resolved = self._resolved, dict(self._set.resolve())
        changed = {
            shape_id: template
            for shape_id, template in self._resolved.items()
            if before.get(shape_id) != template
        }
        templates_before = self._members.keys()
        self._members = _members_of(self._resolved)
        return TemplateChanges(
            resolved=[
                KnownShape(shape_id, self._texts[shape_id], template.template_id, template.text)
                for shape_id, template in sorted(changed.items())
            ],
            moved=sorted(changed.keys() & before.keys()),
            gone=sorted(templates_before - self._members.keys()),
        )


def _members_of(resolved: Mapping[int, ResolvedTemplate]) -> dict[int, list[int]]:
    members: dict[int, list[int]] = {}
    for shape_id, template in sorted(resolved.items()):
        members.setdefault(template.template_id, []).append(shape_id)
    return members
