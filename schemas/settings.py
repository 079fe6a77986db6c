"""Settings: `AIOPS_...` variables, read once in the entry points and passed down."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from schemas.errors import ConfigError

PREFIX: Final = "AIOPS_"
# Read elsewhere by set-up and tests, so not unknown: they never reach a service.
OTHER_NAMES: Final = frozenset(
    {
        "AIOPS_TOKEN",
        "AIOPS_MAVEN_REPOSITORY",
        "AIOPS_TEST_KAFKA",
        "AIOPS_TEST_POSTGRES",
        "AIOPS_SOAK_SEED",
        "AIOPS_SOAK_SECONDS",
    }
)

# Their values appear in no message.
SECRET_NAMES: Final = frozenset(
    {"AIOPS_POSTGRES_DSN", "AIOPS_API_SIGNING_KEY", "AIOPS_API_PREVIOUS_SIGNING_KEYS"}
)

# host:port, comma-separated
Addresses = Annotated[str, Meta(pattern=r"^[^\s,]+:[0-9]{1,5}(,[^\s,]+:[0-9]{1,5})*$")]
# Topic names as Kafka allows them, comma-separated
TopicNames = Annotated[
    str, Meta(pattern=r"^ *[A-Za-z0-9._-]{1,245} *(, *[A-Za-z0-9._-]{1,245} *)*$")
]
# Lines are counted by the minute: a window holds whole ones.
WholeMinutes = Annotated[int, Meta(ge=60, multiple_of=60)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
Positive = Annotated[int, Meta(ge=1)]
NotNegative = Annotated[int, Meta(ge=0)]
Port = Annotated[int, Meta(ge=0, le=65_535)]
PositiveSeconds = Annotated[float, Meta(gt=0)]
Ratio = Annotated[float, Meta(ge=0, le=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting with its default; the variable is `AIOPS_` and the name in capitals.

    Sizes and times carry their unit in the name. `docs/settings.md` has a row for each.
    """

    kafka_bootstrap: Addresses = "127.0.0.1:9092"
    postgres_dsn: str = "postgresql://aiops@127.0.0.1:5432/aiops"
    group_prefix: str = "aiops"
    log_topics: TopicNames = "logs.raw"
    worker_slot: str = "0"
    worker_processes: Positive = 1

    window_s: WholeMinutes = 300
    allowed_lateness_s: Positive = 60
    baseline_windows: Positive = 20
    finalize_interval_s: PositiveSeconds = 1.0
    max_shapes_per_block: Positive = 2_000
    retention_days: NotNegative = 0
    changelog_config: str = ""
    triage_config: str = ""

    batch_records: Positive = 8_192
    fetch_min_bytes: Positive = 65_536
    fetch_max_wait_ms: Positive = 500
    fetch_partition_bytes: Positive = 524_288
    dead_letter_max_ratio: Ratio = 0.5
    dead_letter_max_run: Positive = 1_000

    api_host: str = "127.0.0.1"
    api_port: Port = 8080
    api_processes: Positive = 1
    api_signing_key: str = ""
    api_previous_signing_keys: str = ""
    api_access_token_s: Positive = 300
    api_session_days: Positive = 30
    api_max_connections: Positive = 10
    api_max_waiters: Positive = 1_000
    api_max_cost: Positive = 100_000
    api_cost_per_second: Positive = 200_000
    api_request_timeout_s: PositiveSeconds = 15.0
    api_cache_lines: Positive = 50_000
    api_similar_tickets: Positive = 50_000
    api_max_sockets_per_sender: Positive = 100
    api_allowed_origins: str = ""
    oidc_issuer: str = ""
    oidc_audience: str = ""
    oidc_jwks_url: str = ""
    oidc_role_claim: str = "roles"
    oidc_roles: str = ""
    submit_timeout_s: PositiveSeconds = 5.0

    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 0
    log_level: LogLevel = "INFO"

    @property
    def log_topic_names(self) -> list[str]:
        """Return the topics of bulk logs."""
        return [name.strip() for name in self.log_topics.split(",")]


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings in `environ`, defaults for the rest.

    Raises:
        ConfigError: an unknown `AIOPS_` name or a value that does not fit; it names the setting.
    """
    known = {PREFIX + field.name.upper(): field.name for field in msgspec.structs.fields(Settings)}
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    values: dict[str, object] = {}
    for name, value in sorted(given.items()):
        if name in OTHER_NAMES:
            continue
        if name not in known:
            raise ConfigError(_unknown_name(name, list(known)), setting=name)
        values[known[name]] = _convert(name, known[name], value)
    return Settings(**values)  # type: ignore[arg-type]  # each value was converted to its field


def _unknown_name(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"unknown setting; did you mean {close[0]}?" if close else "unknown setting"


def _convert(name: str, field_name: str, text: str) -> object:
    annotation = Settings.__annotations__[field_name]
    try:
        return msgspec.convert(text, annotation, strict=False)
    except msgspec.ValidationError as exc:
        shown = "the value" if name in SECRET_NAMES else repr(text)
        raise ConfigError(f"{shown} is not valid: {exc}", setting=name) from exc
