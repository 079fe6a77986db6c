from streams.processes import EXIT_CONFIG, EXIT_CRASHED, EXIT_REJECTED
from streams.supervisor import (
    FATAL_STATUSES,
    FIRST_DELAY_S,
    MAX_DELAY_S,
    STABLE_S,
    BackOff,
    plan_children,
)


def test_each_crash_waits_longer_up_to_a_limit() -> None:
    back_off = BackOff()

    delays = [back_off.after(1.0) for _ in range(8)]

    assert delays[:3] == [FIRST_DELAY_S, 2 * FIRST_DELAY_S, 4 * FIRST_DELAY_S]
    assert delays == sorted(delays)
    assert delays[-1] == MAX_DELAY_S


def test_a_stable_run_starts_the_back_off_anew() -> None:
    back_off = BackOff()
    for _ in range(5):
        back_off.after(1.0)

    assert back_off.after(STABLE_S + 1) == FIRST_DELAY_S
    assert back_off.after(1.0) == 2 * FIRST_DELAY_S


def test_only_what_a_restart_cannot_mend_ends_the_supervisor() -> None:
    assert set(FATAL_STATUSES) == {EXIT_REJECTED, EXIT_CONFIG}
    assert EXIT_CRASHED not in FATAL_STATUSES


def test_bulk_logs_get_processes_of_their_own_and_the_rest_one_each() -> None:
    children = plan_children(2)

    assert [child.name for child in children] == [
        "logs-0",
        "logs-1",
        "interactive-0",
        "finalizer-0",
    ]
    assert children[1].arguments == ("logs", "--slot", "1", "--until-stdin-ends")


def test_each_child_serves_its_metrics_on_a_port_of_its_own() -> None:
    ports = [child.arguments[-1] for child in plan_children(2, metrics_port=9100)]

    assert ports == ["9100", "9101", "9102", "9103"]
