"""The index of a project's tickets: what counts as a match, and what is passed over."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphql_api import similar_tickets
from graphql_api.similar_tickets import ProjectIndex, Similar, SimilarTickets, numbers_in
from graphql_api.store.database import Database
from graphql_api.store.ticket_texts import Offsets, TicketText


def text_of(number: int, title: str, body: str = "") -> TicketText:
    return TicketText(f"T-{number}", number, title, body)


def index_of(texts: Sequence[TicketText]) -> ProjectIndex:
    index = ProjectIndex("shop")
    index.add(texts)
    return index


def found(index: ProjectIndex, text: TicketText, *, only_earlier: bool = True) -> list[str]:
    return [one.ticket_id for one in index.search(text, 10, only_earlier=only_earlier)]


def test_only_what_came_before_is_found_for_a_ticket() -> None:
    texts = [text_of(number, "the printer is on fire") for number in range(5)]
    index = index_of(texts)

    assert sorted(found(index, texts[3])) == ["T-0", "T-1", "T-2"]
    assert sorted(found(index, texts[3], only_earlier=False)) == ["T-0", "T-1", "T-2", "T-4"]


def test_of_tickets_of_one_moment_the_smaller_id_is_earlier() -> None:
    texts = [TicketText(name, 7, "the printer is on fire", "") for name in ("a", "b", "c")]

    assert found(index_of(texts), texts[1]) == ["a"]


def test_many_better_matches_that_do_not_count_hide_none_that_does() -> None:
    later = [text_of(number, "the printer is on fire") for number in range(100, 700)]
    first = text_of(1, "a fire near the printer")
    index = index_of([*later, first])

    assert found(index, text_of(50, "the printer is on fire")) == ["T-1"]


def test_a_former_text_is_passed_over() -> None:
    index = index_of([text_of(1, "the printer is on fire"), text_of(2, "no paper in the printer")])
    index.add([text_of(1, "all is well again")])

    assert found(index, text_of(9, "the printer is on fire"))[0] == "T-2"
    assert len(index.entries) == 3


def test_a_text_that_is_added_again_changes_nothing() -> None:
    texts = [text_of(number, f"error {number} of the printer") for number in range(5)]
    index = index_of(texts)
    index.add(texts)

    assert len(index.entries) == 5


def test_an_index_of_former_texts_is_stale() -> None:
    index = index_of([])
    for number in range(1_002):
        index.add([text_of(1, f"text {number}")])

    assert index.is_stale


def test_a_text_without_words_finds_nothing() -> None:
    assert found(index_of([text_of(1, "the printer")]), text_of(9, "!!", "...")) == []


def test_numbers_are_the_words_with_digits() -> None:
    title = "Upgrade (HADOOP-17) to v3.4.1, see https://x.org/2022: twice."

    assert numbers_in(title) == {"hadoop-17", "v3.4.1", "https://x.org/2022"}
    assert numbers_in("no number here") == set()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=40), max_size=12))
def test_any_texts_are_found_once_and_never_by_themselves(titles: list[str]) -> None:
    texts = [text_of(number, title) for number, title in enumerate(titles)]
    index = index_of(texts)

    for text in texts:
        names = found(index, text, only_earlier=False)

        assert len(set(names)) == len(names)
        assert text.ticket_id not in names


def test_the_same_text_is_a_likely_duplicate_however_old_it_is() -> None:
    many = [text_of(number, f"another matter number {number}") for number in range(1, 800)]
    index = index_of([text_of(0, "the printer is on fire"), *many])

    best = index.search(text_of(900, "the printer is on fire"), 1, only_earlier=True)[0]

    assert (best.ticket_id, best.is_likely_duplicate) == ("T-0", True)
    assert best.score < 0.9


def test_the_same_text_with_another_number_is_no_duplicate() -> None:
    index = index_of([text_of(0, "Upgrade the client to 3.4.0"), text_of(1, "something else")])

    best = index.search(text_of(2, "Upgrade the client to 3.4.1"), 1, only_earlier=True)[0]

    assert (best.ticket_id, best.is_likely_duplicate) == ("T-0", False)


class Table:
    """Tickets that are read when the test lets them be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.looks = 0

        async def select_ticket_offsets(_: Database) -> Offsets:
            self.looks += 1
            self.is_asked.set()
            await self.may_answer.wait()
            return {0: 1}

        async def select_newest_ids(_: Database, __: str, ___: int) -> list[str]:
            return ["T-1"]

        async def select_texts(_: Database, __: str, ticket_ids: Sequence[str]) -> list[TicketText]:
            return [TicketText(one, 1, "the printer is on fire", "") for one in ticket_ids]

        for replaced in (select_ticket_offsets, select_newest_ids, select_texts):
            monkeypatch.setattr(similar_tickets, replaced.__name__, replaced)


def no_database() -> Database:
    return cast("Database", object())


async def ask(similar: SimilarTickets) -> Similar:
    return await similar.search("shop", text_of(9, "a printer on fire"), 5, only_earlier=True)


async def test_many_questions_while_an_index_is_loaded_wait_for_one_more_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = Table(monkeypatch)
    similar = SimilarTickets(no_database(), max_tickets=100)
    questions = [asyncio.create_task(ask(similar)) for _ in range(50)]
    await table.is_asked.wait()
    questions += [asyncio.create_task(ask(similar)) for _ in range(50)]
    table.may_answer.set()
    answers = await asyncio.gather(*questions)

    assert all(one.is_complete and one.indexed == 1 for one in answers)
    assert table.looks == 2


async def test_a_question_that_is_given_up_leaves_the_index_to_its_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A ticket that is added in the midst of a search makes a mess of both."""
    table, begun, may_end = Table(monkeypatch), asyncio.Event(), asyncio.Event()
    table.may_answer.set()
    calls: list[str] = []

    async def to_thread(function: Callable[..., object], *given: object, **named: object) -> object:
        calls.append(function.__name__)
        if calls[-1] == "search":
            begun.set()
            await may_end.wait()
        return function(*given, **named)

    monkeypatch.setattr(asyncio, "to_thread", to_thread)
    similar = SimilarTickets(no_database(), max_tickets=100)
    given_up = asyncio.create_task(ask(similar))
    await begun.wait()
    given_up.cancel()
    next_one = asyncio.create_task(ask(similar))
    for _ in range(100):
        await asyncio.sleep(0)
    begun_meanwhile = calls.count("search")
    may_end.set()
    answer = await next_one

    assert given_up.cancelled()
    assert begun_meanwhile == 1
    assert [one.ticket_id for one in answer.tickets] == ["T-1"]
