"""`aiops try triage`: tickets in, triages out; those with labels are learned from."""

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import click
import msgspec

from schemas.errors import ConfigError
from schemas.events import FeedbackEvent, TicketEvent
from streams.domain.triage.config import TriageConfig, read_config
from streams.domain.triage.model import TriageModel
from streams.domain.triage.search_terms import read_search_terms
from streams.domain.triage.similar import SimilarIndex
from streams.domain.triage.triages import FieldTriage

DEFAULT_SIMILAR: Final = 10
_ENCODER: Final = msgspec.json.Encoder()


class InputTicket(msgspec.Struct, frozen=True, kw_only=True):
    """One input line; members that are not listed here are ignored."""

    title: str | None = None
    body: str | None = None
    project: str | None = None
    labels: dict[str, str | int | None] | None = None
    meta: dict[str, Any] | None = None
    similar: Annotated[int, msgspec.Meta(ge=0)] | None = None


_DECODER: Final = msgspec.json.Decoder(InputTicket)


@click.command
@click.option("--fields", default="", help="Comma-separated fields; default: the project's.")
@click.option("--no-learn", is_flag=True, help="Predict only, also where a line has labels.")
@click.option("--similar", default=DEFAULT_SIMILAR, show_default=True, type=click.IntRange(min=0))
@click.option(
    "--config",
    "config_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Fields and labels as JSON.",
)
def command(fields: str, no_learn: bool, similar: int, config_path: Path | None) -> None:  # noqa: FBT001 (click passes flags by name)
    """Read tickets as JSON Lines from stdin, write their triages as JSON Lines to stdout."""
    names = tuple(name.strip() for name in fields.split(",") if name.strip())
    config = TriageConfig() if config_path is None else _read_config(config_path)
    bench = TriageBench(config, fields=names or None, similar_count=similar)
    for line in sys.stdin.buffer:
        output, feedback = bench.answer(line)
        sys.stdout.buffer.write(_ENCODER.encode(output) + b"\n")
        sys.stdout.buffer.flush()
        if feedback is not None and not no_learn:
            bench.model.learn(feedback)


class TriageBench:
    """A triage model and the earlier lines of each project."""

    def __init__(
        self, config: TriageConfig, *, fields: tuple[str, ...] | None, similar_count: int
    ) -> None:
        self.model = TriageModel(config)
        self.fields = fields
        self.similar_count = similar_count
        self.indexes: dict[str, SimilarIndex] = {}
        self.positions: dict[str, list[int]] = {}
        self.line_count = 0

    def answer(self, line: bytes) -> tuple[dict[str, Any], FeedbackEvent | None]:
        """Return the output of a line, and what there is to learn from it."""
        position = self.line_count
        self.line_count += 1
        try:
            given = _DECODER.decode(line)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
            return {"error": str(exc)}, None
        ticket = _ticket_of(given, position)
        triage = self.model.predict(ticket, self.fields)
        count = self.similar_count if given.similar is None else given.similar
        output = {
            "fields": {name: _field(answer) for name, answer in triage.fields.items()},
            "similar": self._similar(ticket, position, count),
        }
        labels = {name: str(label) for name, label in (given.labels or {}).items() if label}
        return output, FeedbackEvent(ticket=ticket, labels=labels) if labels else None

    def _similar(self, ticket: TicketEvent, position: int, count: int) -> list[tuple[int, float]]:
        if ticket.project not in self.indexes:
            self.indexes[ticket.project] = SimilarIndex()
            self.positions[ticket.project] = []
        index, positions = self.indexes[ticket.project], self.positions[ticket.project]
        terms = read_search_terms(self.model.read(ticket))
        matches = index.search(terms, count)
        index.add(terms)
        positions.append(position)
        return [(positions[number], score) for number, score in matches]


def _read_config(path: Path) -> TriageConfig:
    try:
        return read_config(path.read_bytes())
    except msgspec.MsgspecError as exc:
        raise ConfigError(f"{path}: {exc}", setting="--config") from exc


def _ticket_of(given: InputTicket, position: int) -> TicketEvent:
    return TicketEvent(
        ticket_id=str(position),
        project=given.project or "",
        title=given.title or "",
        body=given.body or "",
        metadata={name: _text(value) for name, value in (given.meta or {}).items()},
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else _ENCODER.encode(value).decode()


def _field(answer: FieldTriage) -> dict[str, Any]:
    return {
        "value": answer.value,
        "confidence": answer.confidence,
        "top": answer.top,
        "reasons": answer.reasons,
        "needs_human": answer.needs_human,
    }
