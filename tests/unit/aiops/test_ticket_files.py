from pathlib import Path

import pytest

from aiops.ticket_files import TicketFileError, read_tickets
from schemas.events import JsonValue

TWO: list[dict[str, JsonValue]] = [{"title": "a"}, {"title": "é", "n": 2}]


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        '{"title": "a"}\n{"title": "é", "n": 2}\n',
        '\ufeff{"title": "a"}\r\n\r\n  \r\n{"title": "é", "n": 2}',
        '[{"title": "a"}, {"title": "é", "n": 2}]',
        '\ufeff\n [\n{"title": "a"},\n{"title": "é",\n "n": 2}]\n',
    ],
)
def test_json_lines_and_arrays_are_told_apart(tmp_path: Path, content: str) -> None:
    assert list(read_tickets(written(tmp_path, "tickets.json", content.encode()))) == TWO


def test_a_separator_within_a_text_is_no_end_of_line(tmp_path: Path) -> None:
    path = written(tmp_path, "tickets.jsonl", '{"title": "a\u2028b\x85c"}\n'.encode())

    assert list(read_tickets(path)) == [{"title": "a\u2028b\x85c"}]


def test_an_empty_file_and_an_empty_array_hold_no_ticket(tmp_path: Path) -> None:
    assert list(read_tickets(written(tmp_path, "a.jsonl", b"\n\n"))) == []
    assert list(read_tickets(written(tmp_path, "b.json", b"[]"))) == []
    assert list(read_tickets(written(tmp_path, "c.csv", b""))) == []


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_columns_are_members_and_empty_cells_left_out(tmp_path: Path, mark: str) -> None:
    text = mark + 'title,body,team,\r\n"a, ""b""","two\r\nlines",,x\r\né,short\r\n'
    path = written(tmp_path, "Tickets.CSV", text.encode())

    assert list(read_tickets(path)) == [
        {"title": 'a, "b"', "body": "two\r\nlines"},
        {"title": "é", "body": "short"},
    ]


def test_a_cell_may_be_as_long_as_a_ticket(tmp_path: Path) -> None:
    path = written(tmp_path, "tickets.csv", b"title,body\na," + b"x" * 1_000_000)

    assert len(str(next(read_tickets(path))["body"])) == 1_000_000


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a.jsonl", b'{"title": "a"}\n\n{"title": \n', "a.jsonl, line 3"),
        ("a.jsonl", b'{"title": "a"}\n"text"\n', "a.jsonl, line 2"),
        ("a.jsonl", b'{"title": "\xff"}\n', "a.jsonl, line 1"),
        ("a.jsonl", b'{"a":' * 100_000, "a.jsonl, line 1"),
        ("a.json", b'[{"title": "a"}, 7]', "a.json, element 2"),
        ("a.json", b'[{"title": "a"}, ', "a.json: "),
        ("a.json", b"[" * 100_000, "a.json, element 1|a.json: "),
        ("a.csv", b"title,body\na,b\nc,d,e\n", "a.csv, line 3"),
        ("a.csv", b'title\n"a"b\n', "a.csv, line "),
        ("a.csv", b'title\n"a', "a.csv, line "),
        ("a.csv", b"title\n\xff\xfe\n", "a.csv, line "),
    ],
)
def test_what_is_no_ticket_is_told_with_its_place(
    tmp_path: Path, name: str, content: bytes, place: str
) -> None:
    path = written(tmp_path, name, content)

    with pytest.raises(TicketFileError, match=place):
        list(read_tickets(path))
