"""Messages as other projects, tools and people write them: what each becomes."""

import pytest

from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.dependencies import parse_dependency_update
from streams.domain.changelog.facts import Facts, read_facts
from tests.unit.streams.domain.changelog.histories import commit, sha


def facts(message: str) -> Facts:
    return read_facts(commit("x", message, "parent"), ChangelogConfig())


@pytest.mark.parametrize(
    ("message", "decided_by", "section", "scope", "subject"),
    [
        # Almost the convention.
        ("feat (ui): add a button", "RULE", "added", "ui", "add a button"),
        ("fix/ui: a crash", "RULE", "fixed", "ui", "a crash"),
        ("[FIX] a crash", "RULE", "fixed", None, "a crash"),
        ("bug: a crash", "PREFIX", "fixed", None, "a crash"),
        ("Enhancement(api): fewer calls", "PREFIX", "changed", "api", "fewer calls"),
        # Gitmoji, by sign and by code, alone or before a prefix.
        ("✨ add a dark mode", "RULE", "added", None, "add a dark mode"),
        (":sparkles: add a dark mode", "RULE", "added", None, "add a dark mode"),
        ("⚡️ speed up the lookup", "RULE", "performance", None, "speed up the lookup"),
        ("🐛(ui): a crash", "RULE", "fixed", "ui", "a crash"),
        ("🎨 fix(ui): a crash", "RULE", "fixed", "ui", "a crash"),
        ("🔒️ escape names", "RULE", "security", None, "escape names"),
        # An issue's key is no type and no place.
        ("ABC-123: fix the crash on start", "MODEL", "fixed", None, "fix the crash on start"),
        ("gh-4711: Fix the crash in parser", "MODEL", "fixed", None, "Fix the crash in parser"),
        ("[ABC-7] Add an exporter", "MODEL", "added", None, "[ABC-7] Add an exporter"),
        ("#12 fix the crash", "MODEL", "fixed", None, "#12 fix the crash"),
        # A prefix that is no type says where the change is.
        ("parser: fix the crash", "MODEL", "fixed", "parser", "fix the crash"),
        ("Net(tcp): add a timeout", "MODEL", "added", "Net/tcp", "add a timeout"),
        # Ports and pull requests.
        ("[release/1.x] fix: a crash (#8)", "RULE", "fixed", None, "a crash (#8)"),
        ("[backport 1.x] fix the crash", "MODEL", "fixed", None, "[backport 1.x] fix the crash"),
        ("Backport PR #5 on branch v3.6.x (FIX: a crash)", "RULE", "fixed", None, "a crash"),
        ("Merged PR 12: feat: add a cart", "RULE", "added", None, "add a cart"),
        # Other languages.
        ("Behebt Absturz beim Start", "MODEL", "fixed", None, "Behebt Absturz beim Start"),
        ("Añade modo oscuro", "MODEL", "added", None, "Añade modo oscuro"),
        ("Исправлен сбой при запуске", "MODEL", "fixed", None, "Исправлен сбой при запуске"),
        ("修复启动时崩溃", "MODEL", "fixed", None, "修复启动时崩溃"),
        ("起動時のクラッシュを修正", "MODEL", "fixed", None, "起動時のクラッシュを修正"),
        ("feat(接口): 添加暗黑模式", "PREFIX", "added", "接口", "添加暗黑模式"),
    ],
)
def test_the_class_of_a_message(
    message: str, decided_by: str, section: str, scope: str | None, subject: str
) -> None:
    found = facts(message).changes[0].found

    assert (found.decided_by, found.section, found.scope, found.subject) == (
        decided_by, section, scope, subject,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Merge #55: fix the wallet", "merge"),
        ('Merge "Fix the wallet"', "merge"),
        ("Merge changes I1234,I5678", "merge"),
        ("Merge 8a1b2c3d into 9f8e7d6c", "merge"),
        ("Merge duplicate rows before writing", "change"),
        ("chore(main): release core 2.1.0", "release"),
        ("Version Packages", "release"),
        ("chore: version packages (#123)", "release"),
        ("Publish", "release"),
        ("Publish events to the bus", "change"),
        ("[maven-release-plugin] prepare release core-1.2", "release"),
        ("🔖 1.4.0", "release"),
        ("Back to development: 0.6", "release"),
        ("bump flask to 1.2.0", "change"),
    ],
)
def test_the_kind_of_a_message(message: str, kind: str) -> None:
    assert facts(message).kind == kind


@pytest.mark.parametrize(
    ("message", "subject", "number", "shas"),
    [
        (
            f'Reapply "feat: x"\n\nThis reverts commit {sha("1")}.',
            'Revert "feat: x"', None, (sha("1"),),
        ),
        ('Back out "feat: x"', "feat: x", None, ()),
        ("Backed out changeset 1234567890ab", "Backed out changeset 1234567890ab", None,
         ("1234567890ab",)),
        ("Revert PR #44", "Revert PR #44", "44", ()),
        ("Revert 1234567", "Revert 1234567", None, ("1234567",)),
    ],
)  # fmt: skip
def test_what_a_message_takes_back(
    message: str, subject: str, number: str | None, shas: tuple[str, ...]
) -> None:
    said = facts(message)

    assert said.revert is not None
    assert (said.revert.subject, said.revert.number, said.revert.shas) == (subject, number, shas)
    assert said.changes[0].found.section == "reverted"


@pytest.mark.parametrize("message", ["Revert to the old parser", "Reapply patches on reload"])
def test_words_of_reverts_alone_take_nothing_back(message: str) -> None:
    assert facts(message).revert is None


@pytest.mark.parametrize(
    ("subject", "name", "old", "new"),
    [
        ("Update Rust crate serde to 1.0.200", "serde", None, "1.0.200"),
        ("Update nginx Docker tag to v1.27", "nginx", None, "v1.27"),
        ("Update babel monorepo to v7.25.1", "babel", None, "v7.25.1"),
        ("Upgrade gradle wrapper to 8.7", "gradle", None, "8.7"),
        ("[Snyk] Security upgrade django from 3.2 to 3.2.25", "django", "3.2", "3.2.25"),
        ("bump @scope/pkg from 1.0.0 to 1.1.0 in /web", "@scope/pkg", "1.0.0", "1.1.0"),
    ],
)
def test_the_step_of_a_dependency(subject: str, name: str, old: str | None, new: str) -> None:
    update = parse_dependency_update(subject)

    assert update is not None
    assert (update.name, update.old, update.new) == (name, old, new)


def test_the_sign_for_a_change_that_breaks_declares_one() -> None:
    said = facts("💥 drop node 16")

    assert said.level == "major"
    assert said.shown[0].breaking_text == "drop node 16"
