"""What a project's tickets are triaged into: fields, their labels, and what is known of each."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Precision = Annotated[float, Meta(ge=0.5, le=0.999)]

DEFAULT_PRECISION: Final = 0.9


class LabelConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A label before anybody has used it.

    `keywords` are words or short phrases that speak for it, `description` says it in a sentence;
    `owner` is who takes the tickets; a retired label is never given again.
    """

    description: str = ""
    keywords: tuple[str, ...] = ()
    owner: str | None = None
    is_retired: bool = False


class FieldConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A field to fill; feedback may add labels that are not listed here.

    `wanted_precision` is the share of right answers among those that no human needs to see.
    """

    labels: dict[Name, LabelConfig] = msgspec.field(default_factory=dict)
    wanted_precision: Precision = DEFAULT_PRECISION


class ProjectConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of one project."""

    fields: dict[Name, FieldConfig] = msgspec.field(default_factory=dict)


class TriageConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All projects; one that is not listed has the fields of `default`.

    A field without labels that bears the name of a built-in one (category, priority) starts with
    its labels, until feedback names others.
    """

    default: ProjectConfig = ProjectConfig(
        fields={"category": FieldConfig(), "priority": FieldConfig(), "team": FieldConfig()}
    )
    projects: dict[Name, ProjectConfig] = msgspec.field(default_factory=dict)

    def field_of(self, project: str, field: str) -> FieldConfig:
        """Return a field's configuration, an empty one when none is given."""
        return self.projects.get(project, self.default).fields.get(field, _UNCONFIGURED)

    def owner_of(self, project: str, field: str, label: str) -> str | None:
        """Return who takes the tickets of a label, None when nobody is named."""
        labels = self.field_of(project, field).labels
        return labels[label].owner if label in labels else None

    def fields_of(self, project: str) -> tuple[str, ...]:
        """Return the names of a project's fields, in order of configuration."""
        return tuple(self.projects.get(project, self.default).fields)


_UNCONFIGURED: Final = FieldConfig()


def read_config(text: str | bytes) -> TriageConfig:
    """Return the configuration written as JSON.

    Raises:
        msgspec.ValidationError: it does not fit the schema; the message names the place.
        msgspec.DecodeError: it is not JSON.
    """
    return msgspec.json.decode(text, type=TriageConfig)


def config_schema() -> Mapping[str, Any]:
    """Return the JSON schema of the configuration."""
    return msgspec.json.schema(TriageConfig)
