"""What of a ticket becomes a feature, and how much it counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.triage.features import read_ticket, split_code, trace_occurrences
from streams.domain.triage.hashing import count_slots, hash_text
from streams.domain.triage.vocabulary import Vocabulary
from tests.unit.streams.domain.triage.tickets import ticket


@pytest.mark.parametrize(
    ("body", "prose", "code"),
    [
        ("it fails\n```\nTrace\n```\nevery time", "it fails\n\n\nevery time", "```\nTrace\n```"),
        ("see ~~~ a ~~~", "see \n", "~~~ a ~~~"),
        ("{code:java}int a;{code} is wrong", "\n is wrong", "{code:java}int a;{code}"),
        ("log {noformat}x{noformat}", "log \n", "{noformat}x{noformat}"),
        ("<PRE class=a>x</pre> y", "\n y", "<PRE class=a>x</pre>"),
        ("no end ```x y", "no end \n", "```x y"),
        ("a `word` and {braces} < pre", "a `word` and {braces} < pre", ""),
        ("", "", ""),
    ],
)  # fmt: skip
def test_code_is_what_is_marked_as_such(body: str, prose: str, code: str) -> None:
    assert split_code(body) == (prose, code)


@given(st.text(alphabet="ab `~{}:<>/\ncodepr", max_size=200))
def test_prose_and_code_are_the_whole_body(body: str) -> None:
    prose, code = split_code(body)

    assert sorted((prose + code).replace("\n", "")) == sorted(body.replace("\n", ""))


def test_words_have_other_features_as_code_than_in_prose() -> None:
    prose, code = (read_ticket(ticket(body=body)) for body in ("timeout", "```timeout```"))

    assert not set(prose.slots.tolist()) & set(code.slots.tolist())


def test_a_long_log_as_code_leaves_what_was_said_its_length() -> None:
    said = "the export stops"
    log = "\n".join(f"line {number} of the log" for number in range(300))
    vocabulary = Vocabulary()
    reading = read_ticket(ticket(body=f"{said}\n```\n{log}\n```"))

    values = vocabulary.weigh(reading.shape, vocabulary.admit(reading.slots))

    lengths = [
        float(np.linalg.norm(values[start:end]))
        for start, end in zip(reading.shape.bounds[:-1], reading.shape.bounds[1:], strict=True)
    ]
    assert lengths == pytest.approx([1.0, 1.0, 0.5, 0.5], abs=1e-5)


def test_the_first_fifty_words_of_a_body_count_twice() -> None:
    words = [f"{first}{second}" for first in "bcdfghjk" for second in "aeiouwxyz"]
    reading = read_ticket(ticket(body=" ".join(words)))
    occurrences = trace_occurrences(reading)
    # A word of two letters is one feature as a word; in pairs and runs its letters have others.
    word_features = occurrences.features[: len(words)]

    assert reading.shape.counts[word_features].tolist() == [2] * 50 + [1] * (len(words) - 50)


def test_words_of_a_title_count_once() -> None:
    reading = read_ticket(ticket("printer broken"))

    assert reading.shape.counts.tolist() == [1] * len(reading.slots)


@given(st.lists(st.text(max_size=60), max_size=4))
def test_every_feature_is_traced_in_whole(parts: list[str]) -> None:
    reading = read_ticket(ticket("".join(parts[:1]), "```".join(parts[1:]), metadata={"os": "x"}))
    occurrences = trace_occurrences(reading)

    shares = np.bincount(occurrences.features, weights=occurrences.shares)

    assert shares == pytest.approx(np.ones(len(reading.slots)))
    assert set(occurrences.terms.tolist()) == set(range(len(reading.terms)))


@given(st.lists(st.text(alphabet="aBcİß?é日 \t.1_", max_size=30), min_size=1, max_size=20))
def test_hashes_of_a_word_do_not_depend_on_what_was_read_before(texts: list[str]) -> None:
    for text in texts:
        hash_text(text)
    alone, among = hash_text(texts[0]), hash_text(" ".join(texts))

    if alone is not None and among is not None:
        count = len(alone.words)
        assert among.words[:count] == alone.words
        assert among.word_hashes[:count].tolist() == alone.word_hashes.tolist()
        runs = among.run_hashes[: among.count_runs(count)]
        assert runs.tolist() == alone.run_hashes.tolist()


def test_slots_are_counted() -> None:
    slots, counts = count_slots([np.array([5, 2], np.int32), np.array([5], np.int32)])

    assert (slots.tolist(), counts.tolist()) == ([2, 5], [1, 2])
