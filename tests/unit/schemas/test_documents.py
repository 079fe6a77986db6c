"""Documents of earlier releases are read, broken ones are not."""

from enum import StrEnum

import msgspec
import pytest

from schemas.documents import DocumentDecoder


class Kind(StrEnum):
    """A closed choice."""

    ONE = "one"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a document."""

    name: str
    count: int
    share: float | None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document as today's release writes it."""

    title: str
    is_open: bool
    score: float
    since: str | None
    parts: tuple[Part, ...]
    best: Part | None
    whole: Part
    by_name: dict[str, Part]
    limit: int = 7


DECODER = DocumentDecoder(Document)
EMPTY_PART = Part(name="", count=0, share=None)


def test_a_document_of_today_is_read_as_it_is() -> None:
    part = Part(name="a", count=1, share=0.5)
    document = Document(
        title="t", is_open=True, score=1.5, since="s", parts=(part,), best=part, whole=part,
        by_name={"a": part}, limit=1,
    )  # fmt: skip

    assert DECODER.decode(msgspec.json.encode(document)) == document


def test_what_an_earlier_release_did_not_write_is_empty() -> None:
    assert DECODER.decode(b'{"title": "t"}') == Document(
        title="t", is_open=False, score=0.0, since=None, parts=(), best=None, whole=EMPTY_PART,
        by_name={},
    )  # fmt: skip


def test_members_inside_of_lists_maps_and_choices_are_completed_too() -> None:
    found = DECODER.decode(
        b'{"title": "t", "parts": [{"name": "a"}], "best": {"count": 2},'
        b' "by_name": {"b": {"share": 0.5}}, "former": 1}'
    )

    assert found.parts == (Part(name="a", count=0, share=None),)
    assert found.best == Part(name="", count=2, share=None)
    assert found.by_name == {"b": Part(name="", count=0, share=0.5)}


@pytest.mark.parametrize("document", [b"", b"[]", b'{"title": 1}', b'{"parts": [1]}', b"\xff"])
def test_a_broken_document_is_refused(document: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, UnicodeError)):
        DECODER.decode(document)


def test_a_choice_has_no_empty_value() -> None:
    class Chosen(msgspec.Struct, frozen=True):
        kind: Kind

    with pytest.raises(msgspec.ValidationError):
        DocumentDecoder(Chosen).decode(b"{}")
