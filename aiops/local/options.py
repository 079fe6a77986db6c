"""What the local stack may be told, and what it finds in the environment."""

from collections.abc import Mapping
from pathlib import Path

import msgspec


class LocalOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Port 0 means: the last start's, else a free one. An empty text means: not given."""

    cache_dir: Path
    kafka_port: int = 0
    postgres_port: int = 0
    given_kafka: str = ""
    given_postgres: str = ""
    maven_repository: str = ""
    # Where Debian puts one folder a version.
    postgres_installs: Path = Path("/usr/lib/postgresql")
    java_home: str = ""
    search_path: str = ""

    @property
    def kafka_cache(self) -> Path:
        """Where the jars and the data directory's template are kept, for all of this user's."""
        return self.cache_dir / "kafka"


def options_from(environ: Mapping[str, str]) -> LocalOptions:
    """Return the options that the environment decides."""
    caches = environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return LocalOptions(
        cache_dir=Path(caches) / "aiops",
        given_kafka=environ.get("AIOPS_KAFKA_BOOTSTRAP", ""),
        given_postgres=environ.get("AIOPS_POSTGRES_DSN", ""),
        maven_repository=environ.get("AIOPS_MAVEN_REPOSITORY", ""),
        java_home=environ.get("JAVA_HOME", ""),
        search_path=environ.get("PATH", ""),
    )
