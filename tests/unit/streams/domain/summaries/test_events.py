import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.headlines import HEADLINE_CHARACTERS, default_headline
from schemas.severity import ERROR, INFO, UNSPECIFIED, WARN
from streams.domain.summaries.events import headline_override, summarize_event
from tests.unit.streams.domain.summaries.test_stack_traces import GO, JAVA, NODE, PYTHON

BODIES = st.text(alphabet="ab :\n\tERROR.()xception<*>é", max_size=1000)
SEVERITIES = st.integers(min_value=0, max_value=24)


def test_the_sentence_of_a_record_without_severity_is_its_headline() -> None:
    body = "Server crashed at 2am with out-of-memory error."

    assert summarize_event(UNSPECIFIED, None, body) == body


@pytest.mark.parametrize(
    ("severity_number", "severity_text", "body", "headline"),
    [
        (ERROR, "error", "disk full on /dev/sda1", "ERROR: disk full on /dev/sda1"),
        (ERROR, "ERROR", "ERROR disk full", "ERROR disk full"),
        (WARN, "warning", "[warning] disk nearly full", "[warning] disk nearly full"),
        (INFO, "I", "started  in\t3 s", "INFO: started in 3 s"),
        (INFO, None, "", "INFO"),
        (UNSPECIFIED, None, "first\nsecond", "first"),
        (
            UNSPECIFIED,
            None,
            JAVA,
            "Request failed: java.sql.SQLException: connection closed",
        ),
        (ERROR, "ERROR", PYTHON, "ERROR: requests.exceptions.ConnectionError: refused"),
        (UNSPECIFIED, None, NODE, NODE.split("\n", 1)[0]),
        (ERROR, "error", GO, "ERROR: panic: assignment to entry in nil map"),
        (UNSPECIFIED, None, "batch of 3\nWARN slow\nERROR item 2 lost\nok", "ERROR item 2 lost"),
    ],
)
def test_the_headline_says_what_happened(
    severity_number: int, severity_text: str | None, body: str, headline: str
) -> None:
    assert summarize_event(severity_number, severity_text, body) == headline


def test_a_long_line_is_cut_to_the_limit() -> None:
    headline = summarize_event(UNSPECIFIED, None, "word " * 100)

    assert len(headline) <= HEADLINE_CHARACTERS
    assert headline.endswith("…")


@given(SEVERITIES, BODIES)
def test_any_record_has_one_line_within_the_limit(severity_number: int, body: str) -> None:
    headline = summarize_event(severity_number, None, body)

    assert len(headline) <= HEADLINE_CHARACTERS
    assert "\n" not in headline


@given(SEVERITIES, BODIES)
def test_an_override_is_given_only_where_it_differs(severity_number: int, body: str) -> None:
    override = headline_override(severity_number, None, body)

    assert override != default_headline(severity_number, None, body)


@given(SEVERITIES, st.text(alphabet="abcERROR :é", max_size=300))
def test_a_body_of_one_line_has_the_default_headline(severity_number: int, body: str) -> None:
    assert headline_override(severity_number, None, body) is None
