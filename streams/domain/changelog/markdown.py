"""A release document as Markdown, under either family of headings."""

from typing import Final

from streams.domain.changelog.config import KEEP_A_CHANGELOG_ORDER, ChangelogConfig
from streams.domain.changelog.documents import BreakingNote, Entry, ReleaseDocument
from streams.domain.changelog.escaping import clean_line, escape_line, link
from streams.domain.changelog.people import display_name
from streams.domain.changelog.reverts import split_number

_SHA_DIGITS: Final = 7
_BREAKING_TITLE: Final = "⚠ BREAKING CHANGES"
_UNRELEASED: Final = "Unreleased"


def render_markdown(document: ReleaseDocument, config: ChangelogConfig) -> str:
    """Return the Markdown of a release: one heading, sections below it, lists in them."""
    lines = [_heading(document), ""]
    for title, items in _blocks(document, config):
        lines += [f"### {title}", "", *items, ""]
    newcomers = [who.name for who in document.contributors if who.first_time]
    if newcomers:
        names = [f"* {escape_line(display_name(name))}" for name in newcomers]
        lines += ["### New Contributors", "", *names, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _blocks(document: ReleaseDocument, config: ChangelogConfig) -> list[tuple[str, list[str]]]:
    blocks: list[tuple[str, list[str]]] = []
    if document.breaking:
        blocks.append((_BREAKING_TITLE, [_breaking_item(note) for note in document.breaking]))
    titled: dict[str, list[str]] = {}
    for section in document.sections:
        items = [_item(entry, config) for entry in section.entries]
        titled.setdefault(section.title, []).extend(items)
    titles = list(titled)
    if config.headings == "keep-a-changelog":
        titles.sort(key=KEEP_A_CHANGELOG_ORDER.index)
    blocks.extend((title, titled[title]) for title in titles)
    return blocks


def _heading(document: ReleaseDocument) -> str:
    release = document.release
    name = release.name or _UNRELEASED
    title = link(name, release.compare_url) if release.compare_url else escape_line(name)
    return f"## {title}" + (f" ({release.date[:10]})" if release.date else "")


def _breaking_item(note: BreakingNote) -> str:
    scope = f"**{escape_line(note.scope)}:** " if note.scope else ""
    # A note of several paragraphs is one item: nothing in it can start a block of its own.
    return f"* {scope}{escape_line(note.text)}"


def _item(entry: Entry, config: ChangelogConfig) -> str:
    scope = f"**{escape_line(entry.scope)}:** " if entry.scope else ""
    subject, number = split_number(clean_line(entry.subject))
    parts = [f"* {scope}{escape_line(subject)}"]
    number = number or entry.pr
    if number:
        parts.append(f"({_reference(f'#{number}', f'issues/{number}', config)})")
    parts.extend(
        f"({_reference(sha[:_SHA_DIGITS], f'commit/{sha}', config)})" for sha in entry.shas
    )
    if entry.security_ids:
        parts.append(", ".join(entry.security_ids))
    return " ".join(part for part in parts if part)


def _reference(label: str, path: str, config: ChangelogConfig) -> str:
    if config.repository_url is None:
        return label
    return link(label, f"{config.repository_url.rstrip('/')}/{path}")
