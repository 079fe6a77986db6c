import pytest

from schemas.severity import MAX_SEVERITY_NUMBER, severity_name, severity_range


def test_names_are_those_of_opentelemetry() -> None:
    names = [severity_name(number) for number in range(MAX_SEVERITY_NUMBER + 1)]

    assert names[:6] == ["UNSPECIFIED", "TRACE", "TRACE2", "TRACE3", "TRACE4", "DEBUG"]
    assert [names[number] for number in (9, 13, 17, 20, 21, 24)] == [
        "INFO",
        "WARN",
        "ERROR",
        "ERROR4",
        "FATAL",
        "FATAL4",
    ]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("number", [-1, 25])
def test_a_number_outside_the_scale_is_an_error(number: int) -> None:
    with pytest.raises(ValueError, match=f"severity_number {number} is not within"):
        severity_name(number)


def test_a_range_is_the_name_without_its_step() -> None:
    for number in range(MAX_SEVERITY_NUMBER + 1):
        assert severity_name(number).rstrip("234") == severity_range(number)
