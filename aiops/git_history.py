"""Reads a real git repository: commits with parents and files, tags, the remote's address."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

from schemas.errors import AiOpsError
from schemas.events import CommitEvent, TagEvent

# Two NULs before each commit, and one that ends the message or the file in front of it: neither
# messages nor names of files can hold one, so three tell commits apart beyond doubt.
_FORMAT: Final = "--format=tformat:%x00%x00%H%n%P%n%an <%ae>%n%ct%n%B"
_BETWEEN_COMMITS: Final = b"\0\0\0"
_CHUNK_BYTES: Final = 1 << 20
_SSH_REMOTE: Final = re.compile(r"(?:ssh://)?(?:[\w.-]+@)?([\w.-]+\.[\w.-]+)(?::\d+)?[:/](.+)")
_HTTP_REMOTE: Final = re.compile(r"https?://(?:[^/@]*@)?(.+)")


class GitError(AiOpsError):
    """git could not do what was asked; its own words are the message."""


def count_commits(repository: Path, since: str | None = None) -> int:
    """Return how many commits `read_commits` yields.

    Raises:
        GitError: not a repository, no commit in it, or no such tag.
    """
    return int(_run(repository, "rev-list", "--count", *_revisions(since)))


def read_commits(repository: Path, name: str, since: str | None = None) -> Iterator[CommitEvent]:
    """Yield the commits of HEAD and of all tags, parents last, those within `since` left out.

    The output of git is read as it comes: memory holds one commit, whatever the repository.

    Raises:
        GitError: not a repository, no commit in it, or no such tag.
    """
    options = ("--topo-order", "--name-only", "--no-renames", "--no-ext-diff", _FORMAT)
    arguments = _git(repository, "log", "-z", *options, *_revisions(since))
    with (
        TemporaryFile() as problems,
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=problems) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        for record in _records(process.stdout):
            yield _parse_commit(record, name)
        process.wait()
        if process.returncode:
            problems.seek(0)
            raise GitError(_words(problems.read()) or "git log failed")


def read_tags(repository: Path, name: str) -> list[TagEvent]:
    """Return where each tag is, dated by its tagger or else by its commit.

    Raises:
        GitError: not a repository.
    """
    fields = "%(refname:strip=2)%00%(objectname)%00%(*objectname)%00%(creatordate:unix)"
    output = _run(repository, "for-each-ref", "refs/tags", f"--format={fields}")
    tags: list[TagEvent] = []
    for line in output.splitlines():
        tag, direct, peeled, date = line.split("\0")
        tags.append(
            TagEvent(
                repository=name,
                name=tag,
                sha=peeled or direct,
                timestamp_s=int(date) if date else None,
            )
        )
    return tags


def remote_url(repository: Path) -> str | None:
    """Return the web address of the remote `origin`, without user or password; None if none."""
    try:
        remote = _run(repository, "remote", "get-url", "origin").strip()
    except GitError:
        return None
    match = _HTTP_REMOTE.fullmatch(remote)
    if match is not None:
        return "https://" + match[1].removesuffix("/").removesuffix(".git")
    match = _SSH_REMOTE.fullmatch(remote)
    return f"https://{match[1]}/{match[2].removesuffix('.git')}" if match else None


def _records(stream: IO[bytes]) -> Iterator[bytes]:
    pending = b""
    while chunk := stream.read(_CHUNK_BYTES):
        *complete, pending = (pending + chunk).split(_BETWEEN_COMMITS)
        yield from complete
    if pending:
        yield pending


def _parse_commit(record: bytes, name: str) -> CommitEvent:
    text = record.strip(b"\0").decode("utf-8", "replace")
    head, _, files = text.partition("\0")
    sha, parents, author, date, message = head.split("\n", 4)
    return CommitEvent(
        repository=name,
        sha=sha,
        message=message.rstrip("\n"),
        author=author,
        timestamp_s=int(date),
        parents=tuple(parents.split()),
        files=tuple(sorted(files.removeprefix("\n").split("\0"))) if files else (),
    )


def _revisions(since: str | None) -> list[str]:
    # `--end-of-options`: a tag named like an option stays a tag.
    base = [] if since is None else [f"^{since}"]
    return ["--tags", "--end-of-options", "HEAD", *base]


def _run(repository: Path, *arguments: str) -> str:
    done = subprocess.run(_git(repository, *arguments), capture_output=True, check=False)
    if done.returncode:
        raise GitError(_words(done.stderr) or "git failed")
    return done.stdout.decode("utf-8", "replace")


def _words(output: bytes) -> str:
    return output.decode("utf-8", "replace").strip()


def _git(repository: Path, *arguments: str) -> list[str]:
    settings = ("-c", "i18n.logOutputEncoding=UTF-8", "-c", "core.fsmonitor=false")
    return ["git", "-C", str(repository), "--no-pager", *settings, *arguments]
