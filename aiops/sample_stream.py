"""A sample stream of our own: five services, five shippers' formats, an incident in it.

One hour of a small shop. In minute 42 the database host db-3 stops answering: payments fail with
it, checkouts retry, the catalog's cache is not refreshed any more; from minute 52 on all is well.
The lines depend on the seed and on the end of the hour alone.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, NamedTuple

DURATION: Final = timedelta(minutes=60)
INCIDENT_START: Final = timedelta(minutes=42)
INCIDENT_END: Final = timedelta(minutes=52)
SEED: Final = 20_26


class SampleLine(NamedTuple):
    """One record of the sample: its timestamp and its bytes."""

    moment: datetime
    value: bytes


def sample_lines(end: datetime, seed: int = SEED) -> list[SampleLine]:
    """Return the lines of the hour before `end` (aware), oldest first."""
    random = Random(seed)  # noqa: S311 - a sample, not a secret
    start = end - DURATION
    lines = [line for source in _SOURCES for line in source(random, start)]
    return sorted(lines)


def _moments(
    random: Random, start: datetime, *, every_s: float, jitter_s: float
) -> Iterator[tuple[datetime, bool]]:
    """Yield moments of the hour, and whether each lies in the incident."""
    offset = timedelta(seconds=random.uniform(0, every_s))
    while offset < DURATION:
        yield start + offset, INCIDENT_START <= offset < INCIDENT_END
        offset += timedelta(seconds=max(every_s + random.uniform(-jitter_s, jitter_s), 0.05))


def _gateway(random: Random, start: datetime) -> Iterator[SampleLine]:
    """An access log in the combined format."""
    paths = ("/", "/cart", "/checkout", "/api/items/{}", "/static/app.js")
    for moment, is_incident in _moments(random, start, every_s=2.0, jitter_s=1.5):
        path = random.choice(paths).format(random.randrange(1, 500))
        fails = is_incident and path == "/checkout"
        status = 502 if fails else random.choice((200, 200, 200, 200, 304, 404))
        address = f"203.0.113.{random.randrange(1, 250)}"
        stamp = moment.astimezone(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
        size = random.randrange(200, 9000)
        text = f'{address} - - [{stamp}] "GET {path} HTTP/1.1" {status} {size} "-" "Mozilla/5.0"'
        yield SampleLine(moment, text.encode())


def _checkout(random: Random, start: datetime) -> Iterator[SampleLine]:
    """Flat JSON, as an application logger writes it."""
    for moment, is_incident in _moments(random, start, every_s=1.6, jitter_s=1.0):
        order = random.randrange(100_000, 999_999)
        retries = is_incident and random.random() < 0.6
        level, message = "info", f"order {order} placed in {random.randrange(20, 180)} ms"
        if retries:
            attempt = random.randrange(2, 5)
            level, message = "warn", f"order {order}: payment not confirmed, attempt {attempt}"
        event = {
            "time": _iso(moment),
            "level": level,
            "service": "checkout",
            "host": f"web-{random.randrange(1, 4)}",
            "message": message,
            "order_id": order,
        }
        yield SampleLine(moment, json.dumps(event).encode())


def _payments(random: Random, start: datetime) -> Iterator[SampleLine]:
    """RFC 5424 syslog, as rsyslog forwards it; the source of the incident."""
    for moment, is_incident in _moments(random, start, every_s=2.4, jitter_s=1.6):
        payment = f"pay_{random.randrange(16**8):08x}"
        priority, text = 134, f"payment {payment} captured, {random.randrange(5, 400)} EUR"
        if is_incident and random.random() < 0.8:
            host = "db-3" if random.random() < 0.96 else "db-1"
            wait_ms = random.randrange(3000, 3100)
            priority = 131
            text = f"connect to {host}:5432 timed out after {wait_ms} ms, payment {payment} failed"
        head = f"<{priority}>1 {_iso(moment)} pay-{random.randrange(1, 3)} payments 4211 - - "
        yield SampleLine(moment, (head + text).encode())


def _auth(random: Random, start: datetime) -> Iterator[SampleLine]:
    """RFC 3164 syslog; the year and the zone are left to the reader."""
    users = ("ana", "bo", "chidi", "dora", "emil", "farah", "goran", "hana")
    for moment, _ in _moments(random, start, every_s=5.0, jitter_s=3.0):
        user, port = random.choice(users), random.randrange(30_000, 60_000)
        verdict = "Failed password" if random.random() < 0.08 else "Accepted publickey"
        stamp = moment.astimezone(UTC).strftime("%b %e %H:%M:%S")
        pid = random.randrange(900, 9000)
        text = f"<38>{stamp} bastion sshd[{pid}]: {verdict} for {user} from 10.0.0.7 port {port}"
        yield SampleLine(moment, f"{text} ssh2".encode())


def _catalog(random: Random, start: datetime) -> Iterator[SampleLine]:
    """A plain "time LEVEL message" log; its cache refresh stays away during the incident."""
    for moment, is_incident in _moments(random, start, every_s=3.0, jitter_s=1.0):
        items = random.randrange(200, 240)
        text = f"price list of {items} items served"
        if not is_incident and random.random() < 0.5:
            text = f"cache refreshed: {items} items"
        yield SampleLine(moment, f"{_iso(moment)} INFO [catalog] {text}".encode())


def _iso(moment: datetime) -> str:
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    )


_SOURCES: Final[tuple[Callable[[Random, datetime], Iterator[SampleLine]], ...]] = (
    _gateway,
    _checkout,
    _payments,
    _auth,
    _catalog,
)
