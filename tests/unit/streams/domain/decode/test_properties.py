"""Laws of the decoder: it answers any bytes, always the same."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.decode import payloads
from streams.domain.decode.attributes import flatten
from tests.unit.streams.domain.decode.builders import decode

_PIECES = st.sampled_from(
    ["2026-03-14T08:26:53Z ", "<13>", "ERROR ", "[a] ", "{", "}", '"', "\\", "=", "\n\tat a.B",
     "Traceback (most recent call last):\n", '{"message":"x"}', "level=info ", "\x1b[31m", "\ufeff",
     "--- [a] b : ", "\t", ",", " 1773476813000000000", "\ud800", "m,a=b value=\"x\""]
)  # fmt: skip
_TEXT = st.lists(_PIECES | st.text(max_size=8), max_size=12).map("".join)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["message", "log", "level", "time", "@timestamp", "@t", "@mt", "t", "$date", "stream",
             "kubernetes", "resourceLogs", "scopeLogs", "logRecords", "body", "logEvents",
             "messageType", "Records", "traceId", "source_type", "agent", "type", "MESSAGE"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=15,
)  # fmt: skip


def _assert_one_outcome(value: bytes) -> None:
    decoded = decode(value)
    outcomes = (bool(decoded.events), decoded.dropped is not None, decoded.rejection is not None)
    assert sum(outcomes) == 1
    for event in decoded.events:
        event.body.encode()
        assert 0 <= event.severity_number <= 24
        assert "\0" not in event.body


@given(st.binary(max_size=300))
def test_any_bytes_have_one_outcome(value: bytes) -> None:
    _assert_one_outcome(value)


@given(_TEXT)
@settings(max_examples=300)
def test_any_text_has_one_outcome(text: str) -> None:
    _assert_one_outcome(text.encode(errors="surrogatepass"))


@given(_JSON)
@settings(max_examples=300)
def test_any_json_has_one_outcome(value: object) -> None:
    _assert_one_outcome(json.dumps(value).encode())


@given(_TEXT)
def test_decoding_again_says_the_same(text: str) -> None:
    value = text.encode(errors="replace")

    assert decode(value) == decode(value)


@given(st.binary(max_size=40) | _TEXT.map(lambda text: text.encode(errors="replace")))
@settings(max_examples=300)
def test_a_clean_value_is_read_quickly_as_it_is_read_slowly(value: bytes) -> None:
    quickly = payloads.decode_clean(value)

    if quickly is not None:
        assert payloads.decode_text(value) == (quickly, 0)
        assert quickly == quickly.lstrip()


@given(_JSON)
def test_an_object_of_plain_members_has_their_names(value: object) -> None:
    members = value if isinstance(value, dict) else {"message": value}
    flat, _ = flatten(members)

    is_plain = not any(member is None or isinstance(member, dict) for member in members.values())
    assert is_plain or flat.keys() != members.keys()
    assert not is_plain or flat.keys() == members.keys()
