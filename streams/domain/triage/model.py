"""The triage model: predict a ticket's fields, learn from people's answers."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec
import numpy as np

from schemas.events import FeedbackEvent, TicketEvent
from streams.domain.triage.arithmetic import Floats, softmax
from streams.domain.triage.config import TriageConfig
from streams.domain.triage.experience import (
    Lesson,
    Teacher,
    ask_teachers,
    lesson_weight,
    margins_of_lessons,
)
from streams.domain.triage.features import Reading, read_ticket, trace_occurrences
from streams.domain.triage.field_model import FieldModel, FieldState, History
from streams.domain.triage.lexicon import Lexicon
from streams.domain.triage.memory import Example, ExampleState, Memory, key_of
from streams.domain.triage.reasons import TracedTicket, explain
from streams.domain.triage.triages import FieldTriage, Triage
from streams.domain.triage.vocabulary import Vocabulary, VocabularyState

FORMAT_VERSION: Final = 4
_MAX_TOP: Final = 10
_DIGEST_BYTES: Final = 32
_ENCODER: Final = msgspec.msgpack.Encoder(order="deterministic")


class SnapshotError(ValueError):
    """The bytes are no snapshot of this format, or were damaged."""


def hash_of_snapshot(snapshot: bytes) -> str:
    """Return the hash of the state in a snapshot, in hexadecimal digits."""
    return snapshot[:_DIGEST_BYTES].hex()


class ProjectState(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot holds of a project."""

    vocabulary: VocabularyState
    memory: list[ExampleState]
    fields: dict[str, FieldState]


class ModelState(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot holds."""

    version: int
    feedback_count: int
    projects: dict[str, ProjectState]


class ProjectModel:
    """What one project has taught."""

    def __init__(self) -> None:
        self.vocabulary = Vocabulary()
        self.memory = Memory()
        self.fields: dict[str, FieldModel] = {}


class TriageModel:
    """A fold over feedback events: equal feedback in equal order gives an equal state.

    `predict` changes nothing. The state does not depend on predictions, time or chance.
    """

    def __init__(self, config: TriageConfig | None = None) -> None:
        self.config = config or TriageConfig()
        self.feedback_count = 0
        self._projects: dict[str, ProjectModel] = {}
        self._untaught = ProjectModel()
        # What is asked of fields without an answer; they stay as they are.
        self._untaught_fields: dict[tuple[str, str], FieldModel] = {}
        self._lexicons: dict[tuple[str, str], Lexicon] = {}
        self._last_read: tuple[TicketEvent, Reading] | None = None

    def read(self, ticket: TicketEvent) -> Reading:
        """Return the features of a ticket; asking again for the last one costs nothing."""
        if self._last_read is None or self._last_read[0] is not ticket:
            self._last_read = (ticket, read_ticket(ticket))
        return self._last_read[1]

    def predict(self, ticket: TicketEvent, fields: Sequence[str] | None = None) -> Triage:
        """Return the triage of a ticket: the given fields, or those of its project."""
        project = self._projects.get(ticket.project, self._untaught)
        reading = self.read(ticket)
        rows = project.vocabulary.rows(reading.slots)
        values = project.vocabulary.weigh(reading.shape, rows)
        traced = TracedTicket(reading, trace_occurrences(reading), rows, values)
        names = self.fields_of(ticket.project) if fields is None else fields
        return Triage(
            fields={name: self._answer(ticket.project, name, traced) for name in names},
            feedback_count=self.feedback_count,
        )

    def learn(self, feedback: FeedbackEvent) -> None:
        """Take in what a person said; the next prediction already follows it."""
        self.feedback_count += 1
        labels = {field: label for field, label in sorted(feedback.labels.items()) if label}
        if not labels:
            return
        name = feedback.ticket.project
        project = self._project(name)
        reading = self.read(feedback.ticket)
        lessons = {field: self._lessons(name, field, reading) for field in labels}
        self._record_outcomes(name, project, reading, labels, lessons)
        rows = project.vocabulary.admit(reading.slots)
        values = project.vocabulary.weigh(reading.shape, rows)
        for field, label in labels.items():
            model = self._field(name, field)
            # The lessons may speak of it already.
            model.column_of(label)
            model.learn(
                reading,
                rows,
                values,
                label,
                history=History(project.memory, field),
                elsewhere=_elsewhere(model, lessons[field], model.learner.answer_count + 1),
            )
        project.memory.add(Example(key=key_of(reading), rows=rows, values=values, labels=labels))

    def fields_of(self, project: str) -> tuple[str, ...]:
        """Return the configured fields of a project, then those that people added."""
        configured = self.config.fields_of(project)
        known = self._projects.get(project)
        added = sorted(set(known.fields) - set(configured)) if known is not None else []
        return (*configured, *added)

    def snapshot(self) -> bytes:
        """Return the state as bytes that begin with their hash."""
        payload = self._payload()
        return sha256(payload).digest() + payload

    def state_hash(self) -> str:
        """Return the hash of the state, in hexadecimal digits."""
        return hash_of_snapshot(self.snapshot())

    @classmethod
    def restore(cls, snapshot: bytes, config: TriageConfig | None = None) -> "TriageModel":
        """Return the model that a snapshot was taken from.

        Raises:
            SnapshotError: the bytes are damaged or of another format.
        """
        digest, payload = snapshot[:_DIGEST_BYTES], snapshot[_DIGEST_BYTES:]
        if sha256(payload).digest() != digest:
            raise SnapshotError("the snapshot does not match its hash")
        try:
            state = msgspec.msgpack.decode(payload, type=ModelState)
        except msgspec.MsgspecError as exc:
            raise SnapshotError(str(exc)) from exc
        if state.version != FORMAT_VERSION:
            raise SnapshotError(f"format {state.version}, this program reads {FORMAT_VERSION}")
        model = cls(config)
        model._load(state)
        return model

    def _answer(self, project: str, name: str, traced: TracedTicket) -> FieldTriage:
        model = self._field_or_new(project, name)
        lessons = self._lessons(project, name, traced.reading)
        elsewhere = _elsewhere(model, lessons, model.learner.answer_count)
        scored = model.score(traced.reading, traced.rows, traced.values, elsewhere=elsewhere)
        if not scored.labels:
            return FieldTriage(value=None, confidence=0.0, top=(), reasons=(), needs_human=True)
        shares = softmax(scored.margins)
        order = np.argsort(-scored.margins, kind="stable")[:_MAX_TOP]
        score = float(shares[order[0]])
        confidence = model.calibrator.confidence(score)
        rest = (1.0 - confidence) / (1.0 - score) if score < 1.0 else 0.0
        others = [min(confidence, float(share) * rest) for share in shares[order[1:]]]
        names = [scored.labels[position] for position in order.tolist()]
        return FieldTriage(
            value=names[0],
            confidence=confidence,
            top=tuple(zip(names, [confidence, *others], strict=True)),
            reasons=explain(model, scored, traced, lessons),
            needs_human=not model.calibrator.is_sufficient(score),
            owner=self.config.owner_of(project, name, names[0]),
        )

    def _record_outcomes(
        self,
        name: str,
        project: ProjectModel,
        reading: Reading,
        labels: dict[str, str],
        lessons: dict[str, list[Lesson]],
    ) -> None:
        rows = project.vocabulary.rows(reading.slots)
        values = project.vocabulary.weigh(reading.shape, rows)
        for field, label in labels.items():
            model = self._field(name, field)
            elsewhere = _elsewhere(model, lessons[field], model.learner.answer_count)
            scored = model.score(reading, rows, values, elsewhere=elsewhere)
            model.record_outcome(scored, label)

    def _lessons(self, name: str, field: str, reading: Reading) -> list[Lesson]:
        """Return what other projects say of a ticket, nothing where it would not count."""
        answer_count = self._field_or_new(name, field).learner.answer_count
        if lesson_weight(answer_count) == 0.0:
            return []
        teachers = (
            Teacher(other, project.vocabulary, project.fields[field])
            for other, project in self._projects.items()
            if other != name and field in project.fields
        )
        return ask_teachers(teachers, reading)

    def _project(self, name: str) -> ProjectModel:
        if name not in self._projects:
            self._projects[name] = ProjectModel()
        return self._projects[name]

    def _field(self, project: str, field: str) -> FieldModel:
        fields = self._projects[project].fields
        if field not in fields:
            fields[field] = self._new_field(project, field)
        return fields[field]

    def _field_or_new(self, project: str, field: str) -> FieldModel:
        known = self._projects.get(project, self._untaught).fields.get(field)
        if known is not None:
            return known
        key = self._config_key(project, field)
        if key not in self._untaught_fields:
            self._untaught_fields[key] = self._new_field(project, field)
        return self._untaught_fields[key]

    def _new_field(self, project: str, field: str) -> FieldModel:
        config = self.config.field_of(project, field)
        key = self._config_key(project, field)
        if key not in self._lexicons:
            self._lexicons[key] = Lexicon(field, config)
        return FieldModel(self._lexicons[key], config)

    def _config_key(self, project: str, field: str) -> tuple[str, str]:
        """Return a key that projects without a configuration of their own share."""
        return project if project in self.config.projects else "", field

    def _payload(self) -> bytes:
        projects = {
            name: ProjectState(
                vocabulary=project.vocabulary.state(),
                memory=project.memory.state(),
                fields={field: model.state() for field, model in sorted(project.fields.items())},
            )
            for name, project in sorted(self._projects.items())
        }
        state = ModelState(
            version=FORMAT_VERSION, feedback_count=self.feedback_count, projects=projects
        )
        return _ENCODER.encode(state)

    def _load(self, state: ModelState) -> None:
        self.feedback_count = state.feedback_count
        for name, stored in state.projects.items():
            project = self._project(name)
            project.vocabulary = Vocabulary.from_state(stored.vocabulary)
            project.memory = Memory.from_state(stored.memory)
            for field, field_state in stored.fields.items():
                self._field(name, field).restore(field_state)


def _elsewhere(model: FieldModel, lessons: list[Lesson], answer_count: int) -> Floats | None:
    """Return what the lessons add to the margins of a field that has had so many answers."""
    if not lessons:
        return None
    return margins_of_lessons(lessons, model.learner.labels, lesson_weight(answer_count))
