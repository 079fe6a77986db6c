"""How the members of one subscription are served, over a schema with one endless field."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import cast

import pytest
from graphql import GraphQLSchema, build_schema, parse

from graphql_api.auth.principal import Origin, Principal, Role
from graphql_api.context import RequestContext, Services
from graphql_api.engine import GraphQLRequest, Prepared
from graphql_api.errors import ApiError, ErrorCode
from graphql_api.subscriptions import SubscriptionErrors, SubscriptionHub

MANY = 3_000
TEXT = "subscription { number }"
REQUEST = GraphQLRequest(query=TEXT)
CONTEXT = RequestContext(
    services=cast(Services, None),
    principal=Principal(subject="a", name="a", role=Role.VIEWER, expires_at=1e10),
    origin=Origin(request_id="r", address=""),
)


class Recorder:
    """A member that notes what it is offered."""

    operation_id = "1"

    def __init__(self, on_offer: Callable[[], object] = lambda: None) -> None:
        self.payloads: list[bytes] = []
        self.leave: Callable[[], None] = lambda: None
        self._on_offer = on_offer

    def offer(self, frame: bytes, payload: bytes) -> None:
        """Note an event."""
        assert payload in frame
        self.payloads.append(payload)
        self._on_offer()

    def end(self) -> None:
        """No more events come."""


class Numbers:
    """A hub whose only subscription yields the numbers that are put in.

    `starting` is set when it is asked to start, which it does when `may_start` is set.
    """

    def __init__(self) -> None:
        self._numbers: asyncio.Queue[int] = asyncio.Queue()
        self.hub = SubscriptionHub(self._schema())
        self.starting = asyncio.Event()
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.refusal: Exception | None = None
        self.streams = 0

    def _schema(self) -> GraphQLSchema:
        schema = build_schema("type Query { a: Int } type Subscription { number: Int }")
        assert schema.subscription_type is not None
        field = schema.subscription_type.fields["number"]
        field.subscribe = lambda _root, _info: self._start()
        field.resolve = lambda number, _info: number
        return schema

    async def _start(self) -> AsyncIterator[int]:
        self.starting.set()
        await self.may_start.wait()
        if self.refusal is not None:
            raise self.refusal
        self.streams += 1
        return self._events()

    async def _events(self) -> AsyncIterator[int]:
        while True:
            yield await self._numbers.get()

    async def join(self, *members: Recorder) -> None:
        """Subscribe all of them."""
        prepared = Prepared(parse(TEXT), {}, {})
        for member in members:
            member.leave = await self.hub.join(member, prepared, REQUEST, CONTEXT)

    def put(self, number: int) -> None:
        """Have the subscription yield a number."""
        self._numbers.put_nowait(number)

    async def until(self, done: asyncio.Event) -> None:
        """Wait for it, then end the subscription."""
        async with asyncio.timeout(20):
            await done.wait()
        await self.hub.close()


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


async def test_an_event_is_offered_to_all_members_in_the_order_they_joined(
    numbers: Numbers,
) -> None:
    order: list[int] = []
    done = asyncio.Event()
    members = [Recorder(partial(order.append, place)) for place in range(MANY)]
    await numbers.join(*members, Recorder(done.set))
    numbers.put(7)
    await numbers.until(done)

    assert order == list(range(MANY))
    assert {b"".join(one.payloads) for one in members} == {b'{"data":{"number":7}}'}


async def test_others_have_their_turn_while_an_event_goes_to_many(numbers: Numbers) -> None:
    done = asyncio.Event()
    seen_at_turn: list[bool] = []
    loop = asyncio.get_running_loop()
    first = Recorder(lambda: loop.call_soon(lambda: seen_at_turn.append(done.is_set())))
    await numbers.join(first, *(Recorder() for _ in range(MANY)), Recorder(done.set))
    numbers.put(7)
    await numbers.until(done)

    assert seen_at_turn == [False]


async def test_who_leaves_while_an_event_goes_to_many_gets_no_more(numbers: Numbers) -> None:
    done = asyncio.Event()
    leaver = Recorder()
    first = Recorder(lambda: leaver.leave())
    await numbers.join(first, *(Recorder() for _ in range(MANY)), leaver, Recorder(done.set))
    numbers.put(7)
    await numbers.until(done)

    assert leaver.payloads == []


async def test_who_joins_while_an_event_goes_to_many_gets_the_next_one(numbers: Numbers) -> None:
    done = asyncio.Event()
    joined = Recorder(done.set)
    tasks: list[asyncio.Task[None]] = []

    def join_once() -> None:
        if not tasks:
            tasks.append(asyncio.create_task(numbers.join(joined)))

    await numbers.join(Recorder(join_once), *(Recorder() for _ in range(MANY)))
    numbers.put(7)
    numbers.put(8)
    await numbers.until(done)

    assert joined.payloads == [b'{"data":{"number":8}}']


async def test_who_come_while_a_subscription_starts_share_it(numbers: Numbers) -> None:
    done = asyncio.Event()
    members = [Recorder(), Recorder(done.set)]
    numbers.may_start.clear()
    joining = [asyncio.create_task(numbers.join(member)) for member in members]
    await numbers.starting.wait()
    numbers.may_start.set()
    await asyncio.gather(*joining)
    numbers.put(7)
    await numbers.until(done)

    assert [one.payloads for one in members] == [[b'{"data":{"number":7}}']] * 2
    assert numbers.streams == 1


async def test_a_start_goes_on_when_the_first_who_came_gives_up(numbers: Numbers) -> None:
    done = asyncio.Event()
    numbers.may_start.clear()
    first = asyncio.create_task(numbers.join(Recorder()))
    second = asyncio.create_task(numbers.join(Recorder(done.set)))
    await numbers.starting.wait()
    first.cancel()
    await asyncio.wait([first])
    numbers.may_start.set()
    await second
    numbers.put(7)
    await numbers.until(done)

    assert first.cancelled()
    assert numbers.streams == 1


async def test_nothing_is_kept_of_a_start_that_all_gave_up(numbers: Numbers) -> None:
    numbers.may_start.clear()
    joining = asyncio.create_task(numbers.join(Recorder()))
    await numbers.starting.wait()
    joining.cancel()
    await asyncio.wait([joining])

    assert numbers.hub.groups == 0


async def test_all_who_wait_are_told_of_a_refusal_and_nothing_is_kept(numbers: Numbers) -> None:
    numbers.refusal = ApiError(ErrorCode.FORBIDDEN, "not for you")
    ended: list[str] = []
    members = [Recorder(), Recorder()]
    for member in members:
        member.end = lambda: ended.append("end")  # type: ignore[method-assign]
    joining = [numbers.join(member) for member in members]

    refusals = await asyncio.gather(*joining, return_exceptions=True)

    assert [type(one) for one in refusals] == [SubscriptionErrors] * 2
    assert (numbers.hub.groups, ended) == (0, [])


async def test_a_refused_subscription_can_be_asked_for_again(numbers: Numbers) -> None:
    done = asyncio.Event()
    numbers.refusal = ApiError(ErrorCode.FORBIDDEN, "not for you")
    with pytest.raises(SubscriptionErrors):
        await numbers.join(Recorder())
    numbers.refusal = None
    again = Recorder(done.set)
    await numbers.join(again)
    numbers.put(7)
    await numbers.until(done)

    assert again.payloads == [b'{"data":{"number":7}}']
