import os
from pathlib import Path

import pytest

from aiops.local.postgres_files import (
    Install,
    can_enter,
    choose_binaries,
    find_installs,
    readable_binaries,
    server_home,
)
from aiops.local.processes import User
from schemas.errors import ConfigError

STRANGER = User(uid=60_001, gid=60_001)


def install_in(folder: Path, version: int) -> Install:
    binaries = folder / str(version) / "bin"
    binaries.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (binaries / name).write_text("")
    return Install(version=version, binaries=binaries)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder that only its owner may enter."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    return folder


def test_the_newest_system_install_is_taken_by_number_not_by_text(tmp_path: Path) -> None:
    install_in(tmp_path, 9)
    newest = install_in(tmp_path, 15)

    assert find_installs(tmp_path)[0] == newest


def test_a_folder_with_clients_only_is_no_install(tmp_path: Path) -> None:
    server = install_in(tmp_path, 14)
    (tmp_path / "16" / "bin").mkdir(parents=True)

    assert find_installs(tmp_path)[0] == server


def test_without_a_system_install_the_packages_newest_is_taken(tmp_path: Path) -> None:
    versions = [install.version for install in find_installs(tmp_path / "none")]

    assert versions
    assert versions == sorted(versions, reverse=True)


def test_data_is_opened_with_the_version_that_made_it(tmp_path: Path) -> None:
    newer, older = (install_in(tmp_path, version) for version in (18, 15))
    data = tmp_path / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("15\n")

    assert choose_binaries([newer, older], data) == older.binaries
    assert choose_binaries([newer, older], tmp_path / "new") == newer.binaries
    with pytest.raises(ConfigError, match="made by Postgres 15"):
        choose_binaries([newer], data)


def test_no_install_at_all_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"postgresql.*AIOPS_POSTGRES_DSN"):
        choose_binaries([], tmp_path)


def test_a_closed_folder_can_be_entered_by_its_owner_alone(closed: Path) -> None:
    owner = User(uid=os.geteuid(), gid=os.getegid())

    assert can_enter(closed, owner) == can_enter(closed.parent, owner)
    assert not can_enter(closed / "below", STRANGER)


def test_data_lies_elsewhere_when_the_servers_user_cannot_get_there(closed: Path) -> None:
    wanted = closed / "postgres"
    home = server_home(wanted, STRANGER)

    assert home.parent == Path("/var/lib/aiops")
    assert home == server_home(wanted, STRANGER)
    assert home != server_home(closed / "other", STRANGER)
    assert server_home(wanted, None) == wanted


def test_unreachable_binaries_are_copied_with_the_libraries_beside_them(
    closed: Path, tmp_path: Path
) -> None:
    binaries = install_in(closed / "package", 18).binaries
    libraries = closed / "package.libs"
    libraries.mkdir()
    (libraries / "libpq.so").write_text("library")
    copied = readable_binaries(binaries, tmp_path, STRANGER)

    assert (copied / "postgres").exists()
    assert (copied.parents[2] / "package.libs" / "libpq.so").read_text() == "library"
    assert readable_binaries(binaries, tmp_path, STRANGER) == copied
    assert readable_binaries(binaries, tmp_path, None) == binaries
