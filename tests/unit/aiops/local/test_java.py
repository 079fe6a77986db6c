from pathlib import Path

import pytest

from aiops.local.java import Java, find_java
from schemas.errors import ConfigError


def java_printing(folder: Path, version: str) -> Path:
    """Return an executable `java` that prints its version as the real one does."""
    folder.mkdir(parents=True)
    executable = folder / "java"
    executable.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    executable.chmod(0o755)
    return executable


def test_java_home_comes_before_the_path(tmp_path: Path) -> None:
    home = java_printing(tmp_path / "home" / "bin", "21.0.1")
    java_printing(tmp_path / "path", "17.0.15")
    found = find_java(
        java_home=str(tmp_path / "home"), search_path=str(tmp_path / "path"), bundled=None
    )

    assert found == Java(path=home, release="21.0.1")


@pytest.mark.parametrize("old", ["11.0.22", "1.8.0_402"])
def test_a_java_that_is_too_old_is_passed_over_for_the_bundled_one(
    old: str, tmp_path: Path
) -> None:
    java_printing(tmp_path / "path", old)
    bundled = java_printing(tmp_path / "bundled", "25.0.2")
    found = find_java(java_home="", search_path=str(tmp_path / "path"), bundled=bundled)

    assert found == Java(path=bundled, release="25.0.2")


def test_no_java_at_all_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Java 17 or newer.*JAVA_HOME.*AIOPS_KAFKA_BOOTSTRAP"):
        find_java(java_home="", search_path=str(tmp_path), bundled=None)


def test_a_java_that_cannot_be_run_is_no_java(tmp_path: Path) -> None:
    executable = java_printing(tmp_path / "path", "21")
    executable.write_text("not a program")
    with pytest.raises(ConfigError):
        find_java(java_home="", search_path=str(tmp_path / "path"), bundled=None)


def test_only_a_java_that_asks_for_it_is_told_about_native_access() -> None:
    old = Java(path=Path("java"), release="17.0.15").command(heap_mb=256)
    new = Java(path=Path("java"), release="25").command(heap_mb=256)

    assert "-Xmx256m" in old
    assert set(new) - set(old) == {"--enable-native-access=ALL-UNNAMED"}


@pytest.mark.parametrize(
    ("release", "recording", "reading"),
    [
        ("17.0.15", "-XX:ArchiveClassesAtExit=/a", "-XX:SharedArchiveFile=/a"),
        ("25.0.2", "-XX:AOTCacheOutput=/a", "-XX:AOTCache=/a"),
    ],
)
def test_each_java_records_classes_in_its_own_way(
    release: str, recording: str, reading: str
) -> None:
    java = Java(path=Path("java"), release=release)

    assert java.recording_flag(Path("/a")) == recording
    assert java.reading_flag(Path("/a")) == reading


def test_an_updated_java_has_another_fingerprint() -> None:
    before = Java(path=Path("java"), release="17.0.15")
    after = Java(path=Path("java"), release="17.0.16")

    assert before.fingerprint != after.fingerprint
