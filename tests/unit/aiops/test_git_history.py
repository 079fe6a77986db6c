import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from click.testing import CliRunner

from aiops.commands.changelog import command
from aiops.git_history import (
    _BETWEEN_COMMITS,
    GitError,
    _records,
    count_commits,
    read_commits,
    read_tags,
    remote_url,
)
from streams.domain.changelog.releases import build_releases


class Repository:
    """A real repository in a temporary folder, with a clock of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.time = 1_700_000_000
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        self.time += 60
        environment = {
            "PATH": "/usr/bin:/bin:/usr/local/bin",
            "HOME": str(self.path),
            "GIT_AUTHOR_NAME": "Ann Lee",
            "GIT_AUTHOR_EMAIL": "ann@example.org",
            "GIT_COMMITTER_NAME": "Ann Lee",
            "GIT_COMMITTER_EMAIL": "ann@example.org",
            "GIT_AUTHOR_DATE": f"{self.time} +0000",
            "GIT_COMMITTER_DATE": f"{self.time} +0000",
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        return subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            env=environment, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def commit(self, message: str, file: str | None = None) -> None:
        if file is not None:
            path = self.path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(message, encoding="utf-8")
            self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository(tmp_path)
    repository.commit("feat: start", "a.py")
    repository.git("tag", "v1.0.0")
    repository.git("switch", "-q", "-c", "side")
    repository.commit("fix: on the side\n\nbody\n\nRefs: #1", "ünï\ncode/b.py")
    repository.git("switch", "-q", "main")
    repository.commit("")
    repository.commit("feat: go on", "a.py")
    repository.git("merge", "-q", "--no-ff", "-m", "Merge branch 'side'", "side")
    repository.git("tag", "-a", "-m", "two", "v1.1.0")
    repository.commit("fix: later")
    return repository


def test_commits_come_with_parents_files_and_messages(repository: Repository) -> None:
    commits = list(read_commits(repository.path, "rocket"))
    by_subject = {commit.message.partition("\n")[0]: commit for commit in commits}

    assert count_commits(repository.path) == len(commits) == 6
    assert by_subject["fix: on the side"].message == "fix: on the side\n\nbody\n\nRefs: #1"
    assert by_subject["fix: on the side"].files == ("ünï\ncode/b.py",)
    assert by_subject["fix: on the side"].author == "Ann Lee <ann@example.org>"
    assert by_subject["Merge branch 'side'"].parents == (
        by_subject["feat: go on"].sha,
        by_subject["fix: on the side"].sha,
    )
    assert by_subject[""].files == ()


def test_commits_within_a_tag_are_left_out(repository: Repository) -> None:
    found = [commit.message for commit in read_commits(repository.path, "rocket", "v1.1.0")]

    assert found == ["fix: later"]


def test_an_annotated_tag_points_at_its_commit(repository: Repository) -> None:
    tags = {tag.name: tag.sha for tag in read_tags(repository.path, "rocket")}

    assert tags == {
        name: repository.git("rev-parse", f"{name}^{{commit}}").strip()
        for name in ("v1.0.0", "v1.1.0")
    }


def test_releases_hold_what_git_says_they_hold(repository: Repository) -> None:
    documents = build_releases(
        read_commits(repository.path, "rocket"), read_tags(repository.path, "rocket")
    )
    expected = [
        repository.git("rev-list", "v1.0.0").split(),
        repository.git("rev-list", "v1.1.0", "--not", "v1.0.0").split(),
        repository.git("rev-list", "HEAD", "--not", "v1.0.0", "v1.1.0").split(),
    ]

    assert [sorted(document.commits) for document in documents] == [sorted(x) for x in expected]


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://me:secret@git.example/acme/rocket.git", "https://git.example/acme/rocket"),
        ("git@git.example:acme/rocket.git", "https://git.example/acme/rocket"),
        ("ssh://git@git.example:2222/acme/rocket", "https://git.example/acme/rocket"),
        ("/srv/rocket.git", None),
    ],
)
def test_the_address_of_the_remote_tells_no_secret(
    repository: Repository, remote: str, url: str | None
) -> None:
    repository.git("remote", "add", "origin", remote)

    assert remote_url(repository.path) == url


def test_what_git_refuses_is_said_in_its_words(tmp_path: Path, repository: Repository) -> None:
    with pytest.raises(GitError, match="no-such-tag"):
        list(read_commits(repository.path, "rocket", "no-such-tag"))
    with pytest.raises(GitError, match="cannot change to"):
        count_commits(tmp_path / "nowhere")


def test_a_commit_is_whole_wherever_a_chunk_ends() -> None:
    class Trickle(BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            return super().read(1)

    assert list(_records(Trickle(b"one" + _BETWEEN_COMMITS + b"two"))) == [b"one", b"two"]


def test_the_command_writes_markdown_newest_first(repository: Repository) -> None:
    result = CliRunner().invoke(command, ["--repo", str(repository.path)])
    headings = [line for line in result.output.splitlines() if line.startswith("## ")]

    assert result.exit_code == 0
    assert [heading.split()[1] for heading in headings] == ["Unreleased", "v1.1.0", "v1.0.0"]
    assert "* on the side (" in result.output


def test_the_command_writes_one_release_or_what_has_none(repository: Repository) -> None:
    one = CliRunner().invoke(command, ["--repo", str(repository.path), "--release", "v1.0.0"])
    draft = CliRunner().invoke(command, ["--repo", str(repository.path), "--unreleased"])

    assert one.output.startswith("## v1.0.0 (")
    assert "* later (" in draft.output
    assert "start" not in draft.output
