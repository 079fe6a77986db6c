"""Earlier tickets like one: an index of each project that is asked about, kept up to date.

An index is loaded at the first question and follows the stream's offsets from then on. It cannot
forget a text, so a revised ticket is added again and its former text is passed over; an index with
many of those is made anew.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from graphql_api.store.database import Database
from graphql_api.store.ticket_texts import (
    Offsets,
    TicketText,
    select_ids_within,
    select_newest_ids,
    select_texts,
    select_ticket_offsets,
)
from graphql_api.time_limits import run_in_turn
from streams.domain.triage.hashing import hash_text
from streams.domain.triage.search_terms import SearchTerms, search_terms_of
from streams.domain.triage.similar import Match, SimilarIndex

# How long a question waits for its index; then it is answered from what is loaded.
PATIENCE_S: Final = 5.0
# Of two trackers' tickets those above it are alike as a rule; see docs/adr/0121.
DUPLICATE_LIKENESS: Final = 0.8
_PART: Final = 64
# Searches are many here, and the tail is scanned whole by each: 26 ms at p95 instead of 37.
_TAIL: Final = 64
_MAX_PROJECTS: Final = 64
_MAX_GROWTH: Final = 1.25
_MAX_STALE_SHARE: Final = 0.5
_MIN_STALE: Final = 1_000
_DIGEST_BYTES: Final = 8
_NUMBER: Final = re.compile(r"[^\s,;()\[\]\"']*\d[^\s,;()\[\]\"']*")


class SimilarTicket(msgspec.Struct, frozen=True):
    """An earlier ticket, and how much alike it is: above 0 to 1."""

    ticket_id: str
    score: float
    is_likely_duplicate: bool


class Similar(msgspec.Struct, frozen=True):
    """The best matches among the tickets that are indexed; not all may be yet."""

    tickets: tuple[SimilarTicket, ...]
    indexed: int
    is_complete: bool


class _Entry(msgspec.Struct, frozen=True):
    """What is known of a text in the index."""

    ticket_id: str
    created_ns: int
    title: str
    digest: bytes

    @property
    def place(self) -> tuple[int, str]:
        """Return where the ticket stands in time; ties go by its id."""
        return self.created_ns, self.ticket_id


class ProjectIndex:
    """The texts of one project's tickets."""

    def __init__(self, project: str) -> None:
        self.project = project
        self.offsets: Offsets | None = None
        self.index = SimilarIndex(tail_tickets=_TAIL)
        self.entries: list[_Entry] = []
        self.numbers: dict[str, int] = {}
        self.updating = asyncio.Lock()
        # The update that comes after the one at hand: one serves all who ask meanwhile.
        self.next_update: asyncio.Task[None] | None = None
        # The index is no place for two threads.
        self.searching = asyncio.Lock()

    @property
    def is_stale(self) -> bool:
        """Tell whether too many of the texts are former ones."""
        former = len(self.entries) - len(self.numbers)
        return former > max(_MIN_STALE, _MAX_STALE_SHARE * len(self.numbers))

    def add(self, texts: Sequence[TicketText]) -> None:
        """Add what is new, or differs from what is known of the ticket."""
        for text in texts:
            digest = _digest(text)
            known = self.numbers.get(text.ticket_id)
            if known is None or self.entries[known].digest != digest:
                number = self.index.add(_terms(text))
                self.entries.append(_Entry(text.ticket_id, text.created_ns, text.title, digest))
                self.numbers[text.ticket_id] = number

    def search(
        self, text: TicketText, limit: int, *, only_earlier: bool
    ) -> tuple[SimilarTicket, ...]:
        """Return the tickets most alike, best first, without the ticket itself."""
        terms = _terms(text)
        before = (text.created_ns, text.ticket_id) if only_earlier else None
        count = 2 * limit + 16
        while True:
            matches = self.index.search(terms, count)
            found = [one for one in matches if self._counts(one, text.ticket_id, before)]
            if len(found) >= limit or len(matches) < count:
                return tuple(self._similar(one, text) for one in found[:limit])
            count *= 8

    def _counts(self, match: Match, own_id: str, before: tuple[int, str] | None) -> bool:
        entry = self.entries[match.number]
        if entry.ticket_id == own_id or self.numbers[entry.ticket_id] != match.number:
            return False
        return before is None or entry.place < before

    def _similar(self, match: Match, text: TicketText) -> SimilarTicket:
        entry = self.entries[match.number]
        is_same = self.index.likeness(match) >= DUPLICATE_LIKENESS
        has_same_numbers = numbers_in(entry.title) == numbers_in(text.title)
        return SimilarTicket(entry.ticket_id, match.score, is_same and has_same_numbers)


def numbers_in(title: str) -> frozenset[str]:
    """Return the words with digits: versions, issues, hosts. Titles that differ in one differ."""
    return frozenset(word.strip(".:").lower() for word in _NUMBER.findall(title))


def _terms(text: TicketText) -> SearchTerms:
    """Return the terms of a text, of which no more was loaded than is read of it."""
    return search_terms_of(hash_text(text.title), hash_text(text.body))


def _digest(text: TicketText) -> bytes:
    content = blake2b(text.title.encode(errors="replace"), digest_size=_DIGEST_BYTES)
    content.update(b"\0" + text.body.encode(errors="replace"))
    return content.digest()


class SimilarTickets:
    """The indexes of the projects asked about last; `max_tickets` bounds all of them together."""

    def __init__(self, database: Database, *, max_tickets: int) -> None:
        self._database = database
        self._max_tickets = max_tickets
        self._indexes: OrderedDict[str, ProjectIndex] = OrderedDict()
        self._updates: set[asyncio.Task[None]] = set()
        # Loading is work for a processor: two at a time would make both slower.
        self._loading = asyncio.Lock()

    async def search(
        self, project: str, text: TicketText, limit: int, *, only_earlier: bool
    ) -> Similar:
        """Return the tickets of a project that are most alike, best first.

        Raises:
            ApiError: the database is away.
        """
        index = self._index_of(project)
        update = self._update_soon(index)
        done, _ = await asyncio.wait([update], timeout=PATIENCE_S)
        if done:
            await update
        found = await run_in_turn(
            index.searching, index.search, text, limit, only_earlier=only_earlier
        )
        return Similar(found, len(index.numbers), bool(done))

    async def close(self) -> None:
        """Stop loading."""
        updates = list(self._updates)
        for update in updates:
            update.cancel()
        await asyncio.gather(*updates, return_exceptions=True)

    def _index_of(self, project: str) -> ProjectIndex:
        index = self._indexes.get(project)
        if index is None or index.is_stale or len(index.numbers) > _MAX_GROWTH * self._max_tickets:
            index = self._indexes[project] = ProjectIndex(project)
        self._indexes.move_to_end(project)
        return index

    def _update_soon(self, index: ProjectIndex) -> "asyncio.Task[None]":
        """Return an update that has not begun yet."""
        if index.next_update is None:
            update = asyncio.create_task(self._update(index), name="similar tickets")
            index.next_update = update
            self._updates.add(update)
            update.add_done_callback(self._forget_update)
        return index.next_update

    def _forget_update(self, update: "asyncio.Task[None]") -> None:
        self._updates.discard(update)
        if not update.cancelled():
            # Whoever still waits has the error; the next question tries again.
            update.exception()

    async def _update(self, index: ProjectIndex) -> None:
        """Add what the stream has stored since the last update."""
        async with index.updating:
            index.next_update = None
            # Read before the tickets: what comes in meanwhile is looked at again.
            offsets = await select_ticket_offsets(self._database)
            if index.offsets is None:
                async with self._loading:
                    await self._add(
                        index,
                        await select_newest_ids(self._database, index.project, self._max_tickets),
                    )
            elif index.offsets != offsets:
                ids = await select_ids_within(self._database, index.project, index.offsets, offsets)
                await self._add(index, sorted(ids))
            index.offsets = offsets
        self._evict(index)

    async def _add(self, index: ProjectIndex, ticket_ids: Sequence[str]) -> None:
        for first in range(0, len(ticket_ids), _PART):
            part = ticket_ids[first : first + _PART]
            texts = await select_texts(self._database, index.project, part)
            await run_in_turn(index.searching, index.add, texts)

    def _evict(self, kept: ProjectIndex) -> None:
        """Forget the projects that were not asked about for longest."""
        while len(self._indexes) > 1 and self._is_full():
            oldest = next(iter(self._indexes.values()))
            if oldest is kept:
                return
            del self._indexes[oldest.project]

    def _is_full(self) -> bool:
        held = sum(len(index.entries) for index in self._indexes.values())
        return held > self._max_tickets or len(self._indexes) > _MAX_PROJECTS
