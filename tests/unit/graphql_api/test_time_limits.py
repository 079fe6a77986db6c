"""Many operations have one time limit; who keeps within it is not disturbed."""

import asyncio
import contextlib
import threading

import pytest

from graphql_api.time_limits import TimeLimit, run_in_turn


async def hold(limits: TimeLimit, until: asyncio.Event, started: asyncio.Event) -> str:
    limit = limits.start()
    try:
        async with limit:
            started.set()
            await until.wait()
    except TimeoutError:
        return "ended"
    finally:
        limits.stop(limit)
    return "done"


async def test_who_takes_longer_is_ended_and_nobody_else() -> None:
    limits = TimeLimit(0.2)
    done, never, started = asyncio.Event(), asyncio.Event(), asyncio.Event()
    done.set()

    async with asyncio.timeout(20):
        assert await hold(limits, done, started) == "done"
        assert await asyncio.gather(*(hold(limits, never, started) for _ in range(3))) == [
            "ended",
            "ended",
            "ended",
        ]
        assert await hold(limits, done, started) == "done"


async def test_each_gets_the_whole_time() -> None:
    limits = TimeLimit(0.3)
    loop, never = asyncio.get_running_loop(), asyncio.Event()
    took_s = []

    async def late() -> None:
        # The first one's timer is running.
        await asyncio.sleep(0.2)
        started_s = loop.time()
        await hold(limits, never, asyncio.Event())
        took_s.append(loop.time() - started_s)

    async with asyncio.timeout(20):
        await asyncio.gather(hold(limits, never, asyncio.Event()), late())

    assert took_s[0] >= 0.3


async def test_a_cancellation_of_somebody_else_is_no_end_of_time() -> None:
    limits = TimeLimit(20)
    started = asyncio.Event()
    task = asyncio.create_task(hold(limits, asyncio.Event(), started))
    await started.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_next_one_is_timed_after_all_have_ended() -> None:
    limits = TimeLimit(0.05)
    never = asyncio.Event()

    async with asyncio.timeout(20):
        first = await hold(limits, never, asyncio.Event())
        second = await hold(limits, never, asyncio.Event())

    assert (first, second) == ("ended", "ended")


@pytest.mark.parametrize("turn", [asyncio.Lock(), asyncio.Semaphore(1)])
async def test_a_turn_lasts_until_its_thread_has_ended_though_nobody_waits_for_it(
    turn: asyncio.Lock | asyncio.Semaphore,
) -> None:
    loop, started, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def work() -> str:
        loop.call_soon_threadsafe(started.set)
        may_end.wait(20)
        return "worked"

    first = asyncio.create_task(run_in_turn(turn, work))
    await started.wait()
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    second = asyncio.create_task(run_in_turn(turn, work))
    await asyncio.sleep(0)
    was_free = not turn.locked()
    may_end.set()

    assert not was_free
    assert await second == "worked"
    assert not turn.locked()


async def test_a_turn_ends_with_what_the_function_raises() -> None:
    turn = asyncio.Lock()

    def fail() -> None:
        raise ValueError("a reason")

    with pytest.raises(ValueError, match="a reason"):
        await run_in_turn(turn, fail)
    assert not turn.locked()
