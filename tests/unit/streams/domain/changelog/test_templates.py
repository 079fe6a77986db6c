import pytest

from schemas.errors import ConfigError
from streams.domain.changelog.releases import build_releases
from streams.domain.changelog.templates import render_template
from tests.unit.streams.domain.changelog.histories import line

DOCUMENT = build_releases(line("feat: a <b>", tags={0: "v1.0.0"}))[0]


def test_members_of_the_document_are_there_under_their_names() -> None:
    template = "{{ release.name }} {{ sections[0].entries[0].subject | md }} {{ bump.level }}\n"

    assert render_template(template, DOCUMENT) == "v1.0.0 a \\<b> minor\n"


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ release.missing }}",
        "{% for x in range(9) %}{% endfor %}",
        "{% include 'x' %}",
        "{{ release.update({}) }}",
        "{% if %}",
        "{{ 'x' * 99999999 }}",
        "x" * 100_001,
    ],
)
def test_a_template_that_is_wrong_or_reaches_out_is_refused(template: str) -> None:
    with pytest.raises(ConfigError):
        render_template(template, DOCUMENT)
