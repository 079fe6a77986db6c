import numpy as np

from streams.domain.triage.features import read_ticket
from streams.domain.triage.search_terms import SearchTerms, read_search_terms
from streams.domain.triage.similar import SimilarIndex
from tests.unit.streams.domain.triage.tickets import ticket

WORDS = (
    *("disk", "router", "printer", "invoice", "login", "timeout", "database", "certificate"),
    *("backup", "deploy", "cache", "queue", "kernel", "memory", "driver", "account", "license"),
)


TAIL = 16


def terms(title: str, body: str = "") -> SearchTerms:
    return read_search_terms(read_ticket(ticket(title, body)))


def random_titles(count: int) -> list[str]:
    rng = np.random.default_rng(5)
    return [" ".join(rng.choice(WORDS, 5)) + f" {number}" for number in range(count)]


def filled(titles: list[str]) -> SimilarIndex:
    index = SimilarIndex(tail_tickets=TAIL)
    for title in titles:
        index.add(terms(title))
    return index


def test_the_same_ticket_comes_first_wherever_it_lies() -> None:
    titles = random_titles(TAIL * 9 + 100)
    index = filled(titles)
    asked = [0, TAIL - 1, TAIL, TAIL * 8, len(titles) - 1]

    found = [index.search(terms(titles[number]), 1)[0].number for number in asked]

    assert found == asked


def test_sealing_a_full_tail_changes_no_score() -> None:
    titles = random_titles(TAIL)
    before, after = filled(titles[:-1]), filled(titles)
    query = terms(titles[7])

    first = before.search(query, 3)[0]
    second = after.search(query, 3)[0]

    assert first.number == second.number == 7
    assert abs(first.score - second.score) < 0.01


def test_scores_fall_and_lie_between_zero_and_one() -> None:
    matches = filled(random_titles(200)).search(terms("router timeout in the cluster"), 50)

    scores = [match.score for match in matches]

    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] <= scores[0] <= 1


def test_a_search_finds_no_more_than_asked_and_nothing_in_an_empty_index() -> None:
    assert len(filled(random_titles(50)).search(terms("disk"), 7)) <= 7
    assert SimilarIndex().search(terms("disk"), 7) == []


def test_a_ticket_without_words_is_similar_to_none() -> None:
    index = filled(["", "disk full"])

    assert index.search(terms(""), 5) == []
    assert [match.number for match in index.search(terms("disk full"), 5)] == [1]


def test_what_was_reported_lately_comes_before_what_is_as_alike() -> None:
    index = filled(["login broken", *random_titles(300), "login broken"])

    matches = index.search(terms("login broken"), 2)

    assert [match.number for match in matches] == [301, 0]
