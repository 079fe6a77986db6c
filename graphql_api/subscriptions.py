"""Subscriptions that are alike are one: executed once an event, serialised once, sent to all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import cache
from typing import Any, Final, Protocol

import msgspec
import structlog
from graphql import ExecutionResult, GraphQLSchema, subscribe

from graphql_api.auth.principal import Role
from graphql_api.context import RequestContext
from graphql_api.engine import GraphQLRequest, Prepared, described
from graphql_api.errors import ApiError, ErrorCode
from graphql_api.fast_lists import FastListExecutor
from graphql_api.socket_messages import next_message, text_frame
from graphql_api.wire import encoded

MAX_GROUPS: Final = 1_000
# About 5 ms: nearly all of it is the kernel's, a write a socket.
_SERVED_AT_ONCE: Final = 500

log = structlog.get_logger(__name__)


class Member(Protocol):
    """A socket's part in a subscription."""

    operation_id: str

    def offer(self, frame: bytes, payload: bytes) -> None:
        """Send an event's frame, or drop it and count that; never wait."""

    def end(self) -> None:
        """Tell the client that no more events come."""


class GroupKey(msgspec.Struct, frozen=True):
    """What makes subscriptions alike: who has the same key gets the same bytes."""

    query: str
    variables: bytes
    operation_name: str | None
    role: Role


def key_of(request: GraphQLRequest, role: Role) -> GroupKey:
    """Return the key of a subscription; variables count by value, in any order."""
    variables = msgspec.json.encode(request.variables or {}, order="deterministic")
    return GroupKey(request.query, variables, request.operation_name, role)


class SubscriptionErrors(Exception):  # noqa: N818 - it carries the errors of an answer
    """The subscription did not start; `errors` are ready to be sent."""

    def __init__(self, errors: list[dict[str, object]]) -> None:
        self.errors = errors
        super().__init__("subscription refused")


class _Group:
    """The members of one subscription and the tasks that start and serve it."""

    def __init__(self, starting: Coroutine[Any, Any, None]) -> None:
        # In the order of joining, which is the order of serving.
        self.members: dict[Member, None] = {}
        self.starting = asyncio.create_task(starting, name="subscription start")
        self.serving: asyncio.Task[None] | None = None

    @property
    def running(self) -> asyncio.Task[None]:
        """Return the task that serves it, or that starts it as yet."""
        return self.serving or self.starting

    async def publish_all(self, stream: AsyncIterator[ExecutionResult], request_id: str) -> None:
        """Serve the members every event of a stream."""
        async for result in stream:
            await self._publish(_payload(result, request_id))

    async def _publish(self, payload: bytes) -> None:
        """Serve who is a member by now, in slices: others have their turns in between."""

        @cache
        def frame_of(operation_id: str) -> bytes:
            return text_frame(next_message(operation_id, payload))

        members = tuple(self.members)
        for start in range(0, len(members), _SERVED_AT_ONCE):
            for member in members[start : start + _SERVED_AT_ONCE]:
                # It may have left since the first slice.
                if member in self.members:
                    member.offer(frame_of(member.operation_id), payload)
            await asyncio.sleep(0)


def _payload(result: ExecutionResult, request_id: str) -> bytes:
    body: dict[str, object] = {"data": result.data}
    if result.errors:
        body["errors"] = [described(error, request_id) for error in result.errors]
    return encoded(body)


class SubscriptionHub:
    """Finds or starts the group of a subscription."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._groups: dict[GroupKey, _Group] = {}

    @property
    def groups(self) -> int:
        """Return how many different subscriptions run or are being started."""
        return len(self._groups)

    async def join(
        self,
        member: Member,
        prepared: Prepared,
        request: GraphQLRequest,
        context: RequestContext,
    ) -> Callable[[], None]:
        """Add a member to the group of its subscription and return how it leaves.

        Raises:
            SubscriptionErrors: the subscription does not start.
            ApiError: there are too many different ones.
        """
        key = key_of(request, context.principal.role)
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MAX_GROUPS:
                raise ApiError(ErrorCode.RATE_LIMITED, "too many different subscriptions")
            group = _Group(self._start(key, prepared, request, context))
            self._groups[key] = group
        group.members[member] = None
        try:
            # Others may wait for the same start: it goes on when this one gives up.
            await asyncio.shield(group.starting)
        except BaseException:
            self._leave(key, group, member)
            raise
        return lambda: self._leave(key, group, member)

    async def _start(
        self, key: GroupKey, prepared: Prepared, request: GraphQLRequest, context: RequestContext
    ) -> None:
        group = self._groups[key]
        try:
            stream = await self._stream(prepared, request, context)
        except BaseException:
            self._forget(key, group)
            raise
        serving = self._serve(key, group, stream, context.origin.request_id)
        group.serving = asyncio.create_task(serving, name="subscription")

    async def _stream(
        self, prepared: Prepared, request: GraphQLRequest, context: RequestContext
    ) -> AsyncIterator[ExecutionResult]:
        result: Any = subscribe(
            self._schema,
            prepared.document,
            context_value=context,
            variable_values=request.variables,
            operation_name=request.operation_name,
            executor_class=FastListExecutor,
        )
        if asyncio.iscoroutine(result):
            result = await result
        if isinstance(result, ExecutionResult):
            request_id = context.origin.request_id
            raise SubscriptionErrors([described(one, request_id) for one in result.errors or ()])
        stream: AsyncIterator[ExecutionResult] = result
        return stream

    async def _serve(
        self,
        key: GroupKey,
        group: _Group,
        stream: AsyncIterator[ExecutionResult],
        request_id: str,
    ) -> None:
        try:
            await group.publish_all(stream, request_id)
        except Exception as exc:  # noqa: BLE001 - the top of a task
            log.error("subscription_failed", error=type(exc).__name__)  # noqa: TRY400
        finally:
            self._forget(key, group)
            for member in group.members:
                member.end()

    def _leave(self, key: GroupKey, group: _Group, member: Member) -> None:
        group.members.pop(member, None)
        if not group.members and self._groups.get(key) is group:
            group.running.cancel()
            self._forget(key, group)

    def _forget(self, key: GroupKey, group: _Group) -> None:
        if self._groups.get(key) is group:
            del self._groups[key]

    async def close(self) -> None:
        """End all subscriptions."""
        tasks = [group.running for group in self._groups.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
