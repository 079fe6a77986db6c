import msgspec
import pytest

from schemas.errors import ConfigError
from schemas.settings import PREFIX, Settings, load_settings


def test_without_variables_the_defaults_hold() -> None:
    assert load_settings({"HOME": "/root", "PATH": "/bin"}) == Settings()


def test_text_becomes_values() -> None:
    settings = load_settings(
        {
            "AIOPS_LOG_TOPICS": "logs.raw, app.logs",
            "AIOPS_BATCH_RECORDS": "100",
            "AIOPS_DEAD_LETTER_MAX_RATIO": "0.25",
        }
    )

    assert (settings.log_topics, settings.batch_records) == ("logs.raw, app.logs", 100)
    assert settings.dead_letter_max_ratio == 0.25


def test_the_test_suites_own_variables_are_no_settings() -> None:
    assert load_settings({"AIOPS_TEST_KAFKA": "127.0.0.1:9092"}) == Settings()


def test_an_unknown_name_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"AIOPS_KAFKA_BOOTSTRAPS": "127.0.0.1:9092"})

    assert str(caught.value) == (
        "AIOPS_KAFKA_BOOTSTRAPS: unknown setting; did you mean AIOPS_KAFKA_BOOTSTRAP?"
    )
    assert caught.value.setting == "AIOPS_KAFKA_BOOTSTRAPS"


def test_an_unknown_name_like_no_other_is_an_error_without_one() -> None:
    with pytest.raises(ConfigError, match=r"^AIOPS_XYZZY: unknown setting$"):
        load_settings({"AIOPS_XYZZY": "1"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIOPS_BATCH_RECORDS", "seventeen"),
        ("AIOPS_BATCH_RECORDS", "0"),
        ("AIOPS_BATCH_RECORDS", ""),
        ("AIOPS_API_PORT", "65536"),
        ("AIOPS_DEAD_LETTER_MAX_RATIO", "1.5"),
        ("AIOPS_DEAD_LETTER_MAX_RATIO", "nan"),
        ("AIOPS_FINALIZE_INTERVAL_S", "0"),
        ("AIOPS_WINDOW_S", "90"),
        ("AIOPS_WINDOW_S", "30"),
        ("AIOPS_KAFKA_BOOTSTRAP", "broker"),
        ("AIOPS_KAFKA_BOOTSTRAP", "one:9092,"),
        ("AIOPS_LOG_TOPICS", ""),
        ("AIOPS_LOG_TOPICS", "logs raw"),
        ("AIOPS_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error_that_names_its_setting(
    name: str, value: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({name: value})

    assert caught.value.setting == name
    assert str(caught.value).startswith(f"{name}: {value!r} is not valid: ")


def test_every_setting_can_be_given_by_its_name_in_capitals() -> None:
    texts = {
        PREFIX + field.name.upper(): str(getattr(Settings(), field.name))
        for field in msgspec.structs.fields(Settings)
    }

    assert load_settings(texts) == Settings()
