"""The image and the compose file, read against the settings that they set."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.settings import PREFIX, load_settings
from schemas.topics import MAX_RECORD_BYTES

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service.get("image") == "aiops-assistant"]


def settings_in(environment: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in environment.items() if name.startswith(PREFIX)}


@pytest.mark.parametrize("name", OURS)
def test_every_setting_of_a_service_is_known_and_fits(name: str) -> None:
    settings = load_settings(settings_in(SERVICES[name]["environment"]))

    assert settings.kafka_bootstrap == "kafka:19092"
    assert settings.postgres_dsn.startswith("postgresql://aiops@postgres:5432/")


def test_the_images_own_settings_are_known_and_fit() -> None:
    pairs = re.findall(rf"\b({PREFIX}\w+)=(\S+)", DOCKERFILE)
    settings = load_settings(dict(pairs))

    assert (settings.api_host, settings.api_port) == ("0.0.0.0", 8080)  # noqa: S104  # in a container


def test_no_password_stands_in_an_address() -> None:
    addresses = [SERVICES[name]["environment"]["AIOPS_POSTGRES_DSN"] for name in OURS]

    assert not any(re.search(r"//[^@/]*:[^@/]*@", address) for address in addresses)


def test_the_product_starts_after_migrations_and_topics_are_done() -> None:
    done = {"condition": "service_completed_successfully"}

    for name in ("worker", "api"):
        assert SERVICES[name]["depends_on"] == {"migrate": done, "topics": done}


def test_ports_are_published_to_this_machine_alone_and_postgres_not_at_all() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert all(port.startswith("127.0.0.1:") for port in published)
    assert "ports" not in SERVICES["postgres"]


def test_the_broker_takes_the_largest_record_that_we_produce() -> None:
    assert int(SERVICES["kafka"]["environment"]["KAFKA_MESSAGE_MAX_BYTES"]) == MAX_RECORD_BYTES


def test_every_named_volume_is_declared() -> None:
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
    }

    assert used == set(COMPOSE["volumes"])


def test_the_services_run_commands_that_exist() -> None:
    from aiops.cli import COMMANDS

    commands = {SERVICES[name]["command"][0] for name in OURS}

    assert commands <= set(COMMANDS)


def test_the_image_runs_unprivileged_checks_itself_and_installs_by_hash() -> None:
    last_stage = DOCKERFILE.rsplit("\nFROM ", 1)[1]

    assert "\nUSER aiops\n" in last_stage
    assert "\nHEALTHCHECK " in last_stage
    assert "--require-hashes" in DOCKERFILE
    installs = re.findall(r"uv pip install [^\n&]*", DOCKERFILE)
    assert all("-c requirements.lock" in line or "--no-deps" in line for line in installs)


def test_what_the_image_copies_is_in_its_build_context() -> None:
    context = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}

    assert {f"!{source}" for source in sources} <= set(context)
    assert all((ROOT / source).exists() for source in sources)
