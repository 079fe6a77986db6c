"""What a triage costs: tickets and answers a CPU second, search and memory at 50,000 tickets.

Run `python -m bench.triage_cost`; it reads the help desk texts of the tuning data.
"""

import resource
import time
from typing import Final

import msgspec
import numpy as np

from bench.triage import Figures, permuted, read_rows
from schemas.events import FeedbackEvent, TicketEvent
from streams.domain.triage.model import TriageModel
from streams.domain.triage.search_terms import read_search_terms
from streams.domain.triage.similar import SimilarIndex

SIZE: Final = 50_000


def main() -> None:
    for measure in (size, cost):
        for figure, value, target in measure():
            print(f"{figure:36} {value:8.1f}   target {target}", flush=True)


def cost() -> Figures:
    """Tickets and answers a CPU second, on the help desk's texts."""
    fields = ("category", "business_service", "urgency", "ticket_type")
    rows = permuted(read_rows("helpdesk_endava_5431.csv"))
    model = TriageModel()
    events = [
        FeedbackEvent(
            ticket=TicketEvent(ticket_id="", project="", title=row["title"], body=row["body"]),
            labels={field: row[field] for field in fields},
        )
        for row in rows
    ]
    started = time.process_time()
    for event in events[:4_000]:
        model.learn(msgspec.structs.replace(event, labels={"category": event.labels["category"]}))
    yield "feedback a second, 4,000, one field", 4_000 / (time.process_time() - started), ">= 1000"
    for event in events[:500]:
        model.learn(event)
    started = time.process_time()
    for event in events[4_000:5_000]:
        model.predict(event.ticket, fields)
    yield "tickets a second, four fields", 1_000 / (time.process_time() - started), ">= 500"


def size() -> Figures:
    """50,000 tickets of shuffled help desk words: search, and memory with a tenth answered."""
    fields = ("category", "business_service", "urgency", "ticket_type")
    rng = np.random.default_rng(0)
    rows = read_rows("helpdesk_endava_5431.csv")
    model, index = TriageModel(), SimilarIndex()
    times = []
    for number in range(SIZE):
        row, other = rows[number % len(rows)], rows[int(rng.integers(len(rows)))]
        words = (row["body"] + " " + other["body"]).split()
        body = " ".join(words[i] for i in rng.permutation(len(words))[:40])
        ticket = TicketEvent(ticket_id=str(number), project="", title=row["title"], body=body)
        terms = read_search_terms(model.read(ticket))
        if number >= SIZE - 500:
            started = time.process_time()
            index.search(terms, 10)
            times.append((time.process_time() - started) * 1_000)
        index.add(terms)
        if number % 10 == 0:
            labels = {field: row[field] for field in fields}
            model.learn(FeedbackEvent(ticket=ticket, labels=labels))
    yield "search p95, CPU ms", float(np.percentile(times, 95)), "<= 25"
    yield "memory, MB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "<= 400"


if __name__ == "__main__":
    main()
