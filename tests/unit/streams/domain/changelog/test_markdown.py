import msgspec

from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.releases import build_releases
from tests.unit.streams.domain.changelog.histories import commit, line, sha

URL = "https://git.example/acme/rocket"
NOTE = "BREAKING CHANGE: gone\n\n## 9.9.9\n<b>"
HISTORY = [
    commit("0", "feat: start", at=0, tags="v1.0.0"),
    commit("1", "feat(api): add a_b (#7)", "0", at=1, author="Bo <bo@x.org>"),
    commit(
        "2", "fix!: drop it\n\nBREAKING CHANGE: gone\n\n## 9.9.9\n<b>", "1", at=2, tags="v2.0.0"
    ),
]


def markdown(**choices: str) -> str:
    return build_releases(HISTORY, config=msgspec.convert(choices, ChangelogConfig))[-1].markdown


def test_a_release_is_a_heading_with_its_sections() -> None:
    assert markdown() == (
        "## v2.0.0 (2023-11-14)\n\n"
        "### ⚠ BREAKING CHANGES\n\n"
        "* gone ## 9.9.9 \\<b>\n\n"
        "### Features\n\n"
        f"* **api:** add a_b (#7) ({sha('1')[:7]})\n\n"
        "### Bug Fixes\n\n"
        f"* drop it ({sha('2')[:7]})\n\n"
        "### New Contributors\n\n"
        "* Bo\n"
    )


def test_headings_may_be_those_of_keep_a_changelog() -> None:
    titles = [row for row in markdown(headings="keep-a-changelog").split("\n") if row[:4] == "### "]

    assert titles == ["### ⚠ BREAKING CHANGES", "### Added", "### Fixed", "### New Contributors"]


def test_a_repository_url_makes_links() -> None:
    text = markdown(repository_url=URL)

    assert f"## [v2.0.0]({URL}/compare/v1.0.0...v2.0.0) (2023-11-14)" in text
    assert f"([#7]({URL}/issues/7)) ([{sha('1')[:7]}]({URL}/commit/{sha('1')}))" in text


def test_a_template_is_filled_with_the_document_and_escapes_by_filter() -> None:
    template = (
        "{{ release.name }}{% for s in sections %}, {{ s.entries[0].subject | md }}{% endfor %}"
    )

    assert markdown(template=template) == "v2.0.0, add a_b (#7), drop it"


def test_what_is_not_released_has_no_date() -> None:
    assert build_releases(line("feat: a"))[0].markdown.startswith("## Unreleased\n")
