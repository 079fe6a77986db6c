"""Service and host: every place that may name them, in the order in which they are believed."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from schemas.events import JsonValue
from streams.domain.decode.attributes import TAG_PID, container_name
from streams.domain.decode.cleaning import clean
from streams.domain.decode.levels import Attributes, Ranked

# Ranks of a service; the lowest wins, at equal rank the innermost level.
OTLP_SERVICE: Final = 0
PAYLOAD_SERVICE: Final = 1
NAMED_PROCESS: Final = 2
KUBERNETES_LABEL: Final = 3
DEPLOYMENT: Final = 4
KUBERNETES_CONTAINER: Final = 5
COMPOSE_LABEL: Final = 6
CONTAINER: Final = 7
HEADER_APPLICATION: Final = 8
SYSLOG_TAG: Final = 9
SYSTEMD_UNIT: Final = 10
COMMAND: Final = 11
WINDOWS_PROVIDER: Final = 12
LOG_GROUP: Final = 13
PRODUCT: Final = 14

# Ranks of a host.
OTLP_HOST: Final = 0
KUBERNETES_NODE: Final = 1
SYSLOG_HOST: Final = 2
CONTAINER_HOST: Final = 3
PAYLOAD_HOST: Final = 4
SHIPPER_HOST: Final = 5
AGENT_HOST: Final = 6

Read = Callable[[JsonValue, Attributes], str | None]
ResourceRule = tuple[int, str, Read]

_POD_PATH: Final = re.compile(
    r"/var/log/pods/(?P<namespace>[^/_]+)_(?P<pod>[^/_]+)_[^/]+/(?P<container>[^/]+)/\d+\.log"
)
_CONTAINER_PATH: Final = re.compile(
    r"/var/log/containers/(?P<pod>[^/_]+)_(?P<namespace>[^/_]+)_(?P<container>[^/]+)"
    r"-[0-9a-f]{64}\.log"
)


def name_of(value: JsonValue) -> str | None:
    """Return a name as text, None when it is absent: null, empty or `-`."""
    if not isinstance(value, str):
        return None
    name = clean(value)
    return name if name not in ("", "-") else None


def _plain(value: JsonValue, _: Attributes) -> str | None:
    return name_of(value)


def _container(value: JsonValue, _: Attributes) -> str | None:
    return name_of(container_name(value))


def _tag(value: JsonValue, _: Attributes) -> str | None:
    """The name of a syslog tag, `name[pid]:` or `name:`."""
    if not isinstance(value, str):
        return None
    match = TAG_PID.fullmatch(value.strip())
    return name_of(match[1] if match else value.strip().removesuffix(":"))


def _unit(value: JsonValue, _: Attributes) -> str | None:
    return name_of(value.removesuffix(".service")) if isinstance(value, str) else None


def _bunyan_name(value: JsonValue, flat: Attributes) -> str | None:
    if type(flat.get("pid")) is int and isinstance(flat.get("hostname"), str):
        return name_of(value)
    return None


def _of_vector_syslog(value: JsonValue, flat: Attributes) -> str | None:
    return name_of(value) if flat.get("source_type") == "syslog" else None


def _not_of_vector_syslog(value: JsonValue, flat: Attributes) -> str | None:
    return None if flat.get("source_type") == "syslog" else name_of(value)


def _otlp_service(value: JsonValue, _: Attributes) -> str | None:
    name = name_of(value)
    return name if name and not name.startswith("unknown_service") else None


def path_parts(path: JsonValue) -> dict[str, str]:
    """Return namespace, pod and container named by the path of a container's log file."""
    if not isinstance(path, str) or not path.startswith("/var/log/") or len(path) > 2000:
        return {}
    match = _POD_PATH.fullmatch(path) or _CONTAINER_PATH.fullmatch(path)
    return match.groupdict() if match else {}


def _container_of_path(value: JsonValue, _: Attributes) -> str | None:
    return path_parts(value).get("container")


def _rules(rank: int, keys: str, read: Read = _plain) -> tuple[ResourceRule, ...]:
    return tuple((rank, key, read) for key in keys.split())


_LABELS: Final = " ".join(
    f"kubernetes.{labels}.{label}"
    for label in ("app.kubernetes.io/name", "app_kubernetes_io/name", "app", "k8s-app")
    for labels in ("labels", "pod_labels")
)
_PATHS: Final = "log.file.path file filename path source"

SERVICE_RULES: Final = (
    *_rules(
        PAYLOAD_SERVICE,
        "service.name service service_name serviceName app application",
    ),
    *_rules(PAYLOAD_SERVICE, "appname", _not_of_vector_syslog),
    *_rules(
        PAYLOAD_SERVICE,
        "app_name appName app-name applicationName dd.service otelServiceName",
    ),
    *_rules(NAMED_PROCESS, "name", _bunyan_name),
    *_rules(KUBERNETES_LABEL, _LABELS),
    *_rules(
        DEPLOYMENT,
        "k8s.deployment.name kubernetes.deployment.name kubernetes.deployment_name"
        " kubernetes.deployment",
    ),
    *_rules(
        KUBERNETES_CONTAINER,
        "k8s.container.name kubernetes.container_name kubernetes.container.name",
    ),
    *_rules(KUBERNETES_CONTAINER, _PATHS, _container_of_path),
    *_rules(
        COMPOSE_LABEL,
        "label.com.docker.compose.service container.labels.com.docker.compose.service"
        " container.labels.com_docker_compose_service attrs.com.docker.compose.service",
    ),
    *_rules(
        CONTAINER,
        "container_name container.name docker.container.name CONTAINER_NAME",
        _container,
    ),
    *_rules(SYSLOG_TAG, "programname PROGRAM program"),
    *_rules(SYSLOG_TAG, "appname", _of_vector_syslog),
    *_rules(SYSLOG_TAG, "syslogtag syslog-tag syslog_tag", _tag),
    *_rules(SYSLOG_TAG, "SYSLOG_IDENTIFIER log.syslog.appname syslog.identifier"),
    *_rules(SYSTEMD_UNIT, "_SYSTEMD_UNIT", _unit),
    *_rules(COMMAND, "_COMM"),
    *_rules(WINDOWS_PROVIDER, "winlog.provider_name SourceName"),
)

HOST_RULES: Final = (
    *_rules(
        KUBERNETES_NODE,
        "k8s.node.name kubernetes.host kubernetes.node.name kubernetes.pod_node_name",
    ),
    *_rules(SYSLOG_HOST, "hostname", _of_vector_syslog),
    *_rules(SYSLOG_HOST, "log.syslog.hostname"),
    *_rules(
        PAYLOAD_HOST,
        "host.name host.hostname hostname host _HOSTNAME HOST Hostname computer_name"
        " winlog.computer_name Computer MachineName host_name",
    ),
    *_rules(AGENT_HOST, "agent.hostname agent.name"),
)

OTLP_SERVICE_RULES: Final = _rules(OTLP_SERVICE, "service.name", _otlp_service)
OTLP_HOST_RULES: Final = _rules(OTLP_HOST, "host.name")


def rules_for(
    names: Mapping[str, str], table: tuple[ResourceRule, ...]
) -> tuple[ResourceRule, ...]:
    """Return the rules that the keys of one shape can meet; `names` maps look-up names to keys."""
    return tuple((rank, names[key], read) for rank, key, read in table if key in names)


def first_named(flat: Attributes, rules: tuple[ResourceRule, ...]) -> Ranked | None:
    """Return the best name that the rules find in one object."""
    for rank, key, read in rules:
        name = read(flat[key], flat)
        if name is not None:
            return rank, name
    return None
