import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.changelog.classification import Classification, classify
from streams.domain.changelog.config import ChangelogConfig
from streams.domain.changelog.lexicon import PRIORS
from streams.domain.changelog.messages import parse_message
from streams.domain.changelog.word_model import guess_type

CONFIG = ChangelogConfig(types={"ui": "changed"})


def found(message: str, *files: str) -> Classification:
    return classify(parse_message(message), CONFIG, files)


@pytest.mark.parametrize(
    ("message", "decided_by", "section"),
    [
        ("feat: x", "PREFIX", "added"),
        ("ui: x", "PREFIX", "changed"),
        ("zzz: fix x", "MODEL", "fixed"),
        ("chore: x\n\nChangelog: fixed", "LABEL", "fixed"),
        ("fix:x", "RULE", "fixed"),
        ("[docs] x", "RULE", "docs"),
        ("Docs : x", "RULE", "docs"),
        ("Add a --verbose option", "MODEL", "added"),
        ("Fixed crash when the file is empty", "MODEL", "fixed"),
        ("Drop support for Python 3.6", "MODEL", "removed"),
        ("Deprecate the old loader", "MODEL", "deprecated"),
        ("Fix a typo in the README", "MODEL", "docs"),
        ("Rename internal helper", "MODEL", "refactor"),
        ("Bump black from 22 to 23", "MODEL", "internal"),
        ("Speed up collection", "MODEL", "performance"),
    ],
)
def test_each_message_has_a_class_and_says_how_it_came_by_it(
    message: str, decided_by: str, section: str
) -> None:
    classification = found(message)

    assert (classification.decided_by, classification.section) == (decided_by, section)
    assert classification.reasons


def test_a_note_that_begins_with_a_colon_is_no_loose_prefix() -> None:
    assert found("Terminal: print less").decided_by != "RULE"


def test_changed_files_speak_as_well() -> None:
    words = "Update things"

    assert found(words, "docs/a.md", "README.md").section == "docs"
    assert found(words, "tests/test_a.py").section == "test"
    assert found(words, ".github/workflows/ci.yml").section == "ci"


def test_an_unclear_message_asks_for_a_look() -> None:
    assert found("oops").needs_review
    assert not found("feat: x").needs_review


@given(st.text(), st.text(), st.lists(st.text()))
def test_any_message_has_a_type_and_probabilities(header: str, body: str, files: list[str]) -> None:
    guess = guess_type(header, body, tuple(files))

    assert guess.type in PRIORS
    assert 0 < guess.confidence <= 1
    assert 0 <= guess.note_worthy <= 1
