"""The jars of Apache Kafka: fetched by a locked list, checked by hash, kept in a cache."""

import hashlib
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from io import BufferedRandom
from pathlib import Path
from typing import Final

import msgspec

from schemas.errors import AiOpsError, ConfigError

THREADS: Final = 8
TRIES: Final = 4
BACK_OFF_S: Final = 0.5
TIMEOUT_S: Final = 60.0


class JarError(AiOpsError):
    """A jar could not be fetched, or what came is not what the lock names."""


class Jar(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact of a Maven repository with its expected hash."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name it has in the repository and in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def repository_path(self) -> str:
        """Its path below the repository's address."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"


def locked_jars() -> tuple[Jar, ...]:
    """Return the shipped lock: what a broker needs to run, and nothing of Connect or the tools."""
    return parse_lock((files("aiops.local") / "jars.lock").read_text(encoding="utf-8"))


def parse_lock(text: str) -> tuple[Jar, ...]:
    """Return the jars of `group:artifact:version sha256` lines."""
    jars = []
    for line in text.splitlines():
        coordinates, sha256 = line.split()
        group, artifact, version = coordinates.split(":")
        jars.append(Jar(group=group, artifact=artifact, version=version, sha256=sha256))
    return tuple(jars)


def ensure_jars(jars: tuple[Jar, ...], cache: Path, repository: str) -> tuple[Path, ...]:
    """Return the jars' paths; missing and damaged ones are fetched first.

    `repository` may be empty: the public one is used then. Safe to run in several processes at
    once: a jar appears under its name only whole and checked.

    Raises:
        JarError: a jar is not to be had, or has another hash than the lock says.
        ConfigError: no repository is known.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        intact = list(pool.map(lambda jar: _is_intact(jar, cache), jars))
        missing = [jar for jar, is_intact in zip(jars, intact, strict=True) if not is_intact]
        if missing:
            base = (repository or public_repository()).rstrip("/")
            for _ in pool.map(lambda jar: _fetch(jar, cache, base), missing):
                pass
    return tuple(cache / jar.file_name for jar in jars)


def public_repository() -> str:
    """Return where Maven artifacts are published; the address lives in a dependency, not here."""
    try:
        from jgo.constants import MAVEN_CENTRAL_URL  # half a second, rarely needed
    except ImportError as exc:
        problem = "where to get Apache Kafka from: install the extra `local`, or name a repository"
        raise ConfigError(problem, setting="AIOPS_MAVEN_REPOSITORY") from exc
    return str(MAVEN_CENTRAL_URL)


def _is_intact(jar: Jar, cache: Path) -> bool:
    path = cache / jar.file_name
    if not path.exists():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256


def _fetch(jar: Jar, cache: Path, base: str) -> None:
    url = f"{base}/{jar.repository_path}"
    for attempt in range(TRIES):
        try:
            _fetch_once(jar, cache, url)
        except (OSError, urllib.error.URLError) as exc:
            if attempt == TRIES - 1 or _is_refusal(exc):
                raise JarError(f"{jar.file_name} could not be fetched: {exc}") from exc
            time.sleep(BACK_OFF_S * 2**attempt)
        else:
            return


def _is_refusal(exc: OSError) -> bool:
    return isinstance(exc, urllib.error.HTTPError) and 400 <= exc.code < 500


def _fetch_once(jar: Jar, cache: Path, url: str) -> None:
    if not url.startswith(("https://", "http://", "file://")):
        raise ConfigError(f"{url!r} is no address", setting="AIOPS_MAVEN_REPOSITORY")
    with (
        urllib.request.urlopen(url, timeout=TIMEOUT_S) as response,  # noqa: S310  # checked above
        appearing_file(cache / jar.file_name) as target,
    ):
        shutil.copyfileobj(response, target)
        target.seek(0)
        found = hashlib.file_digest(target, "sha256").hexdigest()
        if found != jar.sha256:
            raise JarError(f"{jar.file_name} has sha256 {found}, the lock says {jar.sha256}")


@contextmanager
def appearing_file(path: Path) -> Iterator[BufferedRandom]:
    """Yield a temporary file that takes the name `path`, whole, when the block ends well."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    temporary = Path(name)
    try:
        with open(descriptor, "w+b") as file:  # noqa: PTH123  # a descriptor, not a path
            yield file
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise
