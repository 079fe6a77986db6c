"""`aiops try commit`: commit messages in, parsed commits out."""

import sys
from typing import Final

import click
import msgspec

from streams.domain.changelog.classification import classify
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.messages import parse_message
from streams.domain.commits.lenient_json import decode_json

_ENCODER: Final = msgspec.json.Encoder()
_CONFIG: Final = ChangelogConfig()
_CLASS_MEMBERS: Final = (
    "category",
    "decided_by",
    "confidence",
    "needs_review",
    "note_worthy",
    "reasons",
)


@click.command
def command() -> None:
    """Read {"message"} lines from stdin, write each commit's parts and its class to stdout."""
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(_answer(line) + b"\n")
        sys.stdout.buffer.flush()


def _answer(line: bytes) -> bytes:
    try:
        decoded = decode_json(line)
    except ValueError as exc:
        return _ENCODER.encode({"error": str(exc)})
    message = decoded.get("message") if isinstance(decoded, dict) else None
    if not isinstance(message, str):
        return _ENCODER.encode({"error": "expected an object with a text `message`"})
    parsed = parse_message(message)
    found = classify(parsed, _CONFIG)
    answer = msgspec.structs.asdict(parsed)
    answer["guessed_type"] = found.type
    answer.update((name, getattr(found, name)) for name in _CLASS_MEMBERS)
    return _ENCODER.encode(answer)
