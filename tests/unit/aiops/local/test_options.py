from pathlib import Path

from aiops.local.options import options_from


def test_given_servers_are_taken_from_the_settings() -> None:
    options = options_from(
        {"AIOPS_KAFKA_BOOTSTRAP": "kafka:9092", "AIOPS_POSTGRES_DSN": "postgresql://db/x"}
    )

    assert options.given_kafka == "kafka:9092"
    assert options.given_postgres == "postgresql://db/x"


def test_an_empty_environment_gives_nothing_and_a_cache_of_this_user() -> None:
    options = options_from({})

    assert (options.given_kafka, options.given_postgres, options.maven_repository) == ("", "", "")
    assert options.kafka_cache == Path.home() / ".cache" / "aiops" / "kafka"


def test_the_cache_follows_the_desktop_convention() -> None:
    options = options_from({"XDG_CACHE_HOME": "/caches"})

    assert options.kafka_cache == Path("/caches/aiops/kafka")
