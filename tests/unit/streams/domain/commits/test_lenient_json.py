import pytest

from streams.domain.commits.lenient_json import decode_json


def test_broken_text_is_mended_and_all_else_stays_strict() -> None:
    assert decode_json(b'{"a": ["\\ud800", "\\ud83d\\ude00"]}') == {"a": ["\ufffd", "\U0001f600"]}
    assert decode_json(b'{"\\udfff": "x\xff"}') == {"\ufffd": "x\ufffd"}
    assert decode_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("value", [b"", b"{", b"NaN", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_json(value)
