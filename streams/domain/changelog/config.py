"""What may be chosen about a changelog, and the sections it is made of."""

from typing import Final, Literal

import msgspec

Headings = Literal["conventional", "keep-a-changelog"]


class Section(msgspec.Struct, frozen=True):
    """A section: its key, its title under each family of headings, whether it is shown."""

    key: str
    conventional: str
    keep_a_changelog: str
    is_shown: bool = True


SECTIONS: Final = (
    Section("security", "Security", "Security"),
    Section("added", "Features", "Added"),
    Section("fixed", "Bug Fixes", "Fixed"),
    Section("performance", "Performance Improvements", "Changed"),
    Section("changed", "Changes", "Changed"),
    Section("deprecated", "Deprecations", "Deprecated"),
    Section("removed", "Removals", "Removed"),
    Section("reverted", "Reverts", "Removed"),
    Section("dependencies", "Dependencies", "Changed"),
    Section("docs", "Documentation", "Changed", is_shown=False),
    Section("style", "Styles", "Changed", is_shown=False),
    Section("internal", "Miscellaneous Chores", "Changed", is_shown=False),
    Section("refactor", "Code Refactoring", "Changed", is_shown=False),
    Section("test", "Tests", "Changed", is_shown=False),
    Section("build", "Build System", "Changed", is_shown=False),
    Section("ci", "Continuous Integration", "Changed", is_shown=False),
    Section("other", "Other Changes", "Changed", is_shown=False),
)
_SECTION_OF_KEY: Final = {section.key: section for section in SECTIONS}
SECTION_KEYS: Final = tuple(_SECTION_OF_KEY)
KEEP_A_CHANGELOG_ORDER: Final = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")

# Commit type -> section; a type that is not here is listed under `other`, which is not shown.
TYPE_SECTIONS: Final = {
    "feat": "added",
    "feature": "added",
    "add": "added",
    "added": "added",
    "fix": "fixed",
    "fixes": "fixed",
    "fixed": "fixed",
    "bug": "fixed",
    "bugfix": "fixed",
    "hotfix": "fixed",
    "perf": "performance",
    "improvement": "changed",
    "improve": "changed",
    "enhancement": "changed",
    "enhance": "changed",
    "change": "changed",
    "changed": "changed",
    "breaking": "changed",
    "deprecate": "deprecated",
    "deprecated": "deprecated",
    "remove": "removed",
    "removed": "removed",
    "revert": "reverted",
    "security": "security",
    "sec": "security",
    "deps": "dependencies",
    "dependencies": "dependencies",
    "docs": "docs",
    "doc": "docs",
    "typo": "docs",
    "style": "style",
    "lint": "style",
    "refactor": "refactor",
    "test": "test",
    "tests": "test",
    "build": "build",
    "ci": "ci",
    "chore": "internal",
    "release": "internal",
    "wip": "internal",
}
_INTERNAL: Final = frozenset({"style", "internal", "refactor", "test", "build", "ci", "other"})


class ChangelogConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The choices; they are part of a document's `input_hash`.

    `types` sends further commit types to a section. `shown` lists the sections that are printed,
    None for the usual ones. `squash` says which conventional lines of a body are entries of their
    own: none, those that begin a paragraph, or all of them with list items. `unconventional` says
    what happens to a message without a convention: listed by its class, left out, or (`auto`)
    left out where the release follows the convention otherwise. `tags` are glob patterns.
    """

    headings: Headings = "conventional"
    repository_url: str | None = None
    types: dict[str, str] = msgspec.field(default_factory=dict)
    shown: tuple[str, ...] | None = None
    squash: Literal["header", "paragraphs", "all"] = "paragraphs"
    unconventional: Literal["auto", "list", "leave_out"] = "auto"
    tags: tuple[str, ...] = ("*",)
    template: str | None = None

    def __post_init__(self) -> None:
        for key in (*self.types.values(), *(self.shown or ())):
            if key not in SECTION_KEYS:
                raise ValueError(f"no section is called {key!r}; there are {SECTION_KEYS}")
        if self.repository_url and not self.repository_url.startswith(("https://", "http://")):
            raise ValueError("repository_url must begin with https:// or http://")

    def section_of(self, commit_type: str) -> str:
        """Return the key of the section that entries of a type belong to."""
        return self.types.get(commit_type) or TYPE_SECTIONS.get(commit_type, "other")

    def knows(self, commit_type: str) -> bool:
        """Return whether a type has a section of its own."""
        return commit_type in self.types or commit_type in TYPE_SECTIONS

    def is_shown(self, key: str) -> bool:
        """Return whether a section is printed."""
        if self.shown is not None:
            return key in self.shown
        return _SECTION_OF_KEY[key].is_shown

    def title(self, key: str) -> str:
        """Return the heading of a section."""
        section = _SECTION_OF_KEY[key]
        is_conventional = self.headings == "conventional"
        return section.conventional if is_conventional else section.keep_a_changelog


def category_of(section_key: str) -> str:
    """Return the category of the entries of a section; all inner work is `internal`."""
    return "internal" if section_key in _INTERNAL else section_key
