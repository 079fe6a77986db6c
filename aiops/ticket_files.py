"""Reads tickets from a file: JSON Lines, a JSON array, or CSV with a header."""

import csv
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import AiOpsError
from schemas.topics import MAX_RECORD_BYTES


class TicketFileError(AiOpsError):
    """A file holds something that is no ticket; says where."""


def read_tickets(path: Path) -> Iterator[dict[str, Any]]:
    """Yield each ticket of the file as an object in the JSON that the tickets topic takes.

    Columns of a CSV file are members of the object, empty cells are left out.

    Raises:
        OSError: the file can't be read.
        TicketFileError: the file is not UTF-8, or a line or an element is not an object.
    """
    if path.suffix.lower() == ".csv":
        yield from _read_csv(path)
        return
    content = path.read_bytes().removeprefix(BOM_UTF8)
    if content.lstrip()[:1] == b"[":
        yield from _read_array(path, content)
        return
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            yield _object(line, f"{path}, line {number}")


def _read_csv(path: Path) -> Iterator[dict[str, Any]]:
    # A cell may be as long as a record; the module's own limit is 128 KiB.
    csv.field_size_limit(MAX_RECORD_BYTES)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for row in reader:
                if None in row:
                    raise TicketFileError(
                        f"{path}, line {reader.line_num}: more cells than the header has"
                    )
                yield {name: cell for name, cell in row.items() if name and cell}
        except (csv.Error, UnicodeDecodeError) as exc:
            raise TicketFileError(f"{path}, line {reader.line_num + 1}: {exc}") from exc


def _read_array(path: Path, content: bytes) -> Iterator[dict[str, Any]]:
    try:
        elements = msgspec.json.decode(content, type=list[msgspec.Raw])
    except (ValueError, RecursionError) as exc:
        raise TicketFileError(f"{path}: {exc}") from exc
    for number, element in enumerate(elements, start=1):
        yield _object(bytes(element), f"{path}, element {number}")


def _object(text: bytes, place: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (ValueError, RecursionError) as exc:
        raise TicketFileError(f"{place}: {exc}") from exc
