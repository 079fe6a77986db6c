"""A project that has learned little goes by what others have learned."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import FeedbackEvent, TicketEvent
from streams.domain.triage.config import FieldConfig, LabelConfig, ProjectConfig, TriageConfig
from streams.domain.triage.experience import lesson_weight
from streams.domain.triage.model import TriageModel
from streams.domain.triage.triages import FieldTriage
from tests.unit.streams.domain.triage.tickets import STREAM, feedback, ticket

# Of the kind that no built-in word and no label's name says anything about.
QUESTION = "the docking station flickers since yesterday"


def of_project(events: list[FeedbackEvent], project: str) -> list[FeedbackEvent]:
    return [
        msgspec.structs.replace(
            event, ticket=msgspec.structs.replace(event.ticket, project=project)
        )
        for event in events
    ]


def renamed(events: list[FeedbackEvent], names: dict[str, str]) -> list[FeedbackEvent]:
    return [
        msgspec.structs.replace(event, labels={"category": names[event.labels["category"]]})
        for event in events
    ]


OLD = of_project(STREAM * 5, "old")
# Each label is known, and nothing else: what a ticket says is not.
FEW = [feedback(f"{label} case", label) for label in ("Hardware", "Access", "Purchase")]


def taught(*streams: list[FeedbackEvent], config: TriageConfig | None = None) -> TriageModel:
    model = TriageModel(config)
    for stream in streams:
        for event in stream:
            model.learn(event)
    return model


def answer(model: TriageModel, asked: TicketEvent) -> FieldTriage:
    return model.predict(asked).fields["category"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (QUESTION, "Hardware"),
        ("permission to the drive in finance denied", "Access"),
        ("headsets and licences for ten people", "Purchase"),
    ],
)
def test_a_young_project_answers_as_others_would(text: str, label: str) -> None:
    asked = ticket(text, project="young")
    young = of_project(FEW, "young")

    with_others, alone = answer(taught(OLD, young), asked), answer(taught(young), asked)

    assert with_others.value == label
    assert dict(with_others.top)[label] > dict(alone.top)[label]


def test_what_others_say_has_reasons_that_carry_it() -> None:
    model = taught(OLD, of_project(FEW, "young"))
    full = answer(model, ticket(QUESTION, project="young"))
    words = [reason.term for reason in full.reasons if reason.kind == "term"][:3]
    rest = " ".join(word for word in QUESTION.split() if word not in words)

    less = answer(model, ticket(rest, project="young"))

    assert words
    assert set(words) <= set(QUESTION.split())
    assert dict(less.top)[full.value or ""] < full.confidence


def test_labels_of_others_are_not_given() -> None:
    young = of_project(FEW[:2], "young")

    found = answer(taught(OLD, young), ticket("order ten headsets", project="young"))

    assert sorted(label for label, _ in found.top) == ["Access", "Hardware"]


def test_others_whose_labels_are_retired_say_nothing() -> None:
    retired = {name: LabelConfig(is_retired=True) for name in ("Hardware", "Access", "Purchase")}
    fields = {"category": FieldConfig(labels=retired)}
    config = TriageConfig(projects={"old": ProjectConfig(fields=fields)})
    asked, young = ticket(QUESTION, project="young"), of_project(FEW, "young")

    found = answer(taught(OLD, young, config=config), asked)

    assert found == answer(taught(young), asked)


def test_few_answers_of_others_teach_nothing() -> None:
    asked = ticket(QUESTION, project="young")
    young = of_project(FEW, "young")

    assert answer(taught(OLD[:19], young), asked) == answer(taught(young), asked)


def test_a_project_that_has_learned_enough_asks_nobody() -> None:
    swapped = {"Hardware": "Access", "Access": "Purchase", "Purchase": "Hardware"}
    stream = [
        feedback(f"{event.ticket.title} case {number}", event.labels["category"])
        for number in range(38)
        for event in STREAM
    ]
    own, others = of_project(stream, "grown"), of_project(renamed(STREAM * 5, swapped), "old")
    asked = ticket(QUESTION, project="grown")

    assert lesson_weight(len(own)) == 0.0
    assert answer(taught(own, others), asked) == answer(taught(own), asked)


texts = st.lists(st.sampled_from([*QUESTION.split(), "access", "order", "x"]), max_size=8)
events = st.builds(
    lambda words, label, project: feedback(" ".join(words), label, project=project),
    texts,
    st.sampled_from(["Hardware", "Access", "Purchase", "new"]),
    st.sampled_from(["young", "other"]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(events, max_size=8), events)
def test_a_correction_holds_against_what_others_say(
    before: list[FeedbackEvent], correction: FeedbackEvent
) -> None:
    model = taught(OLD, before, [correction])

    assert answer(model, correction.ticket).value == correction.labels["category"]


@settings(max_examples=20, deadline=None)
@given(st.lists(events, max_size=12), st.data())
def test_a_snapshot_with_several_projects_goes_on_as_if_nothing_had_happened(
    later: list[FeedbackEvent], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(later)))
    whole = taught(OLD, later)

    resumed = TriageModel.restore(taught(OLD, later[:cut]).snapshot())
    for event in later[cut:]:
        resumed.learn(event)

    asked = ticket(QUESTION, project="young")
    assert resumed.state_hash() == whole.state_hash()
    assert answer(resumed, asked) == answer(whole, asked)


def test_who_is_asked_does_not_depend_on_who_came_first() -> None:
    """A snapshot holds projects by name; these came in the opposite order."""
    names = ["f", "e", "d", "c", "b", "a"]
    swapped = {"Hardware": "Access", "Access": "Purchase", "Purchase": "Hardware"}
    streams = [
        of_project(renamed(STREAM * 3, swapped) if name in "ab" else STREAM * 4, name)
        for name in names
    ]
    model = taught(*streams, of_project(FEW, "young"))
    resumed = TriageModel.restore(model.snapshot())
    for event in of_project(STREAM, "young"):
        model.learn(event)
        resumed.learn(event)

    asked = ticket(QUESTION, project="young")
    assert answer(resumed, asked) == answer(model, asked)
    assert resumed.state_hash() == model.state_hash()
