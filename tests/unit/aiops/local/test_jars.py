import hashlib
from pathlib import Path

import pytest

from aiops.local.jars import (
    Jar,
    JarError,
    appearing_file,
    ensure_jars,
    locked_jars,
    parse_lock,
)
from schemas.errors import ConfigError

CONTENT = b"the bytes of a jar"


def repository_with(jar: Jar, content: bytes, folder: Path) -> str:
    path = folder / jar.repository_path
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return folder.as_uri()


@pytest.fixture
def jar() -> Jar:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return Jar(group="org.example", artifact="thing", version="1.2", sha256=digest)


def test_a_line_of_the_lock_names_a_path_in_the_repository() -> None:
    (jar,) = parse_lock("org.apache.kafka:kafka-raft:4.3.1 abc\n")

    assert jar.repository_path == "org/apache/kafka/kafka-raft/4.3.1/kafka-raft-4.3.1.jar"
    assert jar.sha256 == "abc"


def test_the_shipped_lock_holds_each_jar_once_and_the_broker_in_one_version() -> None:
    jars = locked_jars()
    names = [(jar.group, jar.artifact) for jar in jars]

    assert len(names) == len(set(names))
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {"4.3.1"}
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in jars)


def test_a_missing_jar_is_fetched(jar: Jar, tmp_path: Path) -> None:
    repository = repository_with(jar, CONTENT, tmp_path / "repository")
    (path,) = ensure_jars((jar,), tmp_path / "cache", repository)

    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["thing-1.2.jar"]


def test_a_whole_jar_needs_no_repository(jar: Jar, tmp_path: Path) -> None:
    (tmp_path / jar.file_name).write_bytes(CONTENT)

    assert ensure_jars((jar,), tmp_path, "file:///nowhere") == (tmp_path / jar.file_name,)


def test_a_damaged_jar_is_fetched_again(jar: Jar, tmp_path: Path) -> None:
    repository = repository_with(jar, CONTENT, tmp_path / "repository")
    (path,) = ensure_jars((jar,), tmp_path / "cache", repository)
    path.write_bytes(CONTENT[:-1])
    ensure_jars((jar,), tmp_path / "cache", repository)

    assert path.read_bytes() == CONTENT


def test_a_jar_with_another_hash_is_refused_and_not_kept(jar: Jar, tmp_path: Path) -> None:
    repository = repository_with(jar, b"something else", tmp_path / "repository")
    with pytest.raises(JarError, match=r"thing-1\.2\.jar has sha256"):
        ensure_jars((jar,), tmp_path / "cache", repository)

    assert list((tmp_path / "cache").iterdir()) == []


def test_an_address_without_a_scheme_names_the_setting(jar: Jar, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="AIOPS_MAVEN_REPOSITORY"):
        ensure_jars((jar,), tmp_path, "my/mirror")


def test_a_file_that_fails_half_way_does_not_appear(tmp_path: Path) -> None:
    def write_and_fail() -> None:
        with appearing_file(tmp_path / "target") as file:
            file.write(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_and_fail()

    assert list(tmp_path.iterdir()) == []
