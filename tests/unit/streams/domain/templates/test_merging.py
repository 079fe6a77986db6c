from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.templates import ResolvedTemplate, ShapeCache, TemplateSet, shape_id

STATUSES = ("started", "stopped", "failed")
NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "x")
WORDS = st.sampled_from([*NAMES, *STATUSES, "7", "node1", "node2", "node33", "KB", "MB"])
LINES = st.lists(
    st.one_of(
        st.builds("session of user {} on host {}".format, WORDS, WORDS),
        st.builds("user={} state={} took 5 {}".format, WORDS, WORDS, WORDS),
        st.builds("service '{}' {} now".format, WORDS, WORDS),
        st.builds("{} a b {} c".format, WORDS, WORDS),
        st.builds("ids {}".format, st.lists(st.integers(0, 9), min_size=1).map(repr)),
    ),
    max_size=40,
)


def resolved(lines: list[str]) -> dict[int, ResolvedTemplate]:
    cache, templates = ShapeCache(), TemplateSet()
    for line in lines:
        shape = cache.shape(line)
        templates.add(shape_id(None, shape), shape)
    return dict(templates.resolve())


def groups(lines: list[str]) -> dict[str, str]:
    """Return the template text of each line."""
    cache, by_id = ShapeCache(), resolved(lines)
    return {line: by_id[shape_id(None, cache.shape(line))].text for line in lines}


@given(LINES, st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_neither_groups_nor_texts(lines: list[str], random) -> None:  # type: ignore[no-untyped-def]  # hypothesis hands over its own Random
    shuffled = list(lines)
    random.shuffle(shuffled)

    assert resolved(shuffled) == resolved(lines)


@given(LINES, st.data())
def test_duplicates_change_nothing(lines: list[str], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(lines), max_size=10)) if lines else []

    assert resolved(lines + again) == resolved(lines)


@given(LINES, st.integers(0, 40))
def test_resolving_in_between_changes_nothing(lines: list[str], cut: int) -> None:
    cache, templates = ShapeCache(), TemplateSet()
    for position, line in enumerate(lines):
        shape = cache.shape(line)
        templates.add(shape_id(None, shape), shape)
        if position >= cut:
            templates.resolve()

    assert dict(templates.resolve()) == resolved(lines)


@given(LINES)
def test_the_id_of_a_template_is_the_id_of_a_member(lines: list[str]) -> None:
    by_id = resolved(lines)

    assert all(by_id[template.template_id] == template for template in by_id.values())


@given(LINES)
def test_a_status_word_never_becomes_a_variable(lines: list[str]) -> None:
    texts = groups(lines)

    for line, text in texts.items():
        for word in STATUSES:
            assert line.split().count(word) <= text.split().count(word)


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("session opened for user {} by (uid=<*>)", ["cyrus", "news", "test"]),
        ("Failed to reach host {} again", ["alpha", "beta", "gamma"]),
        ("authentication failure; user={}", ["root", "git", "sshd", "uucp"]),
        ("Loading registry hive: {}, done", ["SAM", "SYSTEM", "SECURITY", "DEFAULT", "A", "B"]),
        ("Circuit breaker '{}' opened", ["payments", "orders", "search"]),
        ("Health check for service {} passed", ["auth", "billing", "search"]),
        ("flag {} is off", ["new-checkout", "fast_search", "dark-mode"]),
        ("Switching over to host {} now", ["db-primary", "db-standby", "db-old"]),
    ],
)
def test_names_become_a_variable_when_there_are_enough(template: str, names: list[str]) -> None:
    lines = [template.format(name).replace("<*>", "0") for name in names]

    assert set(groups(lines).values()) == {template.format("<*>")}


def test_names_that_vary_together_become_variables() -> None:
    pairs = [("postgres", "app"), ("alice", "billing"), ("bob", "app"), ("carol", "crm")]
    lines = [f"connection authorized: user={user} database={name}" for user, name in pairs]

    assert set(groups(lines).values()) == {"connection authorized: user=<*> database=<*>"}


def test_a_key_is_no_name_though_it_follows_one() -> None:
    users = [("app", "db1"), ("root", "localhost"), ("bi", "web")]
    lines = [f"denied to user: '{user}' host: '{host}'" for user, host in users]

    assert set(groups(lines).values()) == {"denied to user: '<*>' host: '<*>'"}


def test_who_did_it_varies_together_with_what_it_was_done_to() -> None:
    pairs = [("cleanup", "cron"), ("digest", "ann"), ("rotate", "bob")]
    lines = [f"scheduled job {job} by {who}" for job, who in pairs]

    assert set(groups(lines).values()) == {"scheduled job <*> by <*>"}


def test_lists_in_brackets_are_one_value_once_they_differ() -> None:
    assert set(groups(["loaded [auth, trace]"]).values()) == {"loaded [auth, trace]"}
    assert set(groups(["loaded [auth, trace]", "loaded [a, b, c]"]).values()) == {"loaded [<*>]"}


def test_a_number_in_a_name_is_constant_until_a_second_is_seen() -> None:
    assert groups(["link eth0 is up"]) == {"link eth0 is up": "link eth0 is up"}
    assert set(groups(["link eth0 is up", "link eth1 is up"]).values()) == {"link <*> is up"}


def test_a_name_joins_a_variable_that_is_known_already() -> None:
    lines = ["failed; rhost=10.0.0.1 port=22", "failed; rhost=localhost port=22"]

    assert set(groups(lines).values()) == {"failed; rhost=<*> port=<*>"}


def test_messages_in_quotes_are_no_names() -> None:
    lines = [f'level=info msg="{word} is ready"' for word in ("cache", "index", "disk", "queue")]

    assert len(set(groups(lines).values())) == 4


def test_units_are_part_of_the_value_once_they_differ() -> None:
    assert set(groups(["free 5.2 KB)", "free 1.1 MB)"]).values()) == {"free <*>)"}
    assert set(groups(["free 5.2 KB)", "free 1.1 KB)"]).values()) == {"free <*> KB)"}


def test_lists_of_different_lengths_are_one_value() -> None:
    lines = ["delete blk_1", "delete blk_1 blk_2", "delete blk_1 blk_2 blk_3 blk_4 blk_5 blk_6"]

    assert set(groups(lines).values()) == {"delete <*>"}


@pytest.mark.parametrize(
    "lines",
    [
        [f"VM {word} (Lifecycle Event)" for word in ("Started", "Stopped", "Paused", "Resumed")],
        [f"job {word}" for word in ("ok", "failed", "aborted", "succeeded", "timeout", "running")],
        [f"{word}: disk 5 is slow" for word in ("INFO", "WARN", "ERROR", "FATAL", "DEBUG")],
        [f'10.0.0.1 "{verb} /a HTTP/1.1" 200' for verb in ("GET", "POST", "PUT", "DELETE")],
        [f'10.0.0.1 "GET /a HTTP/1.1" {status}' for status in (200, 301, 404, 503)],
        [f"link eth0 is {state}" for state in ("up", "down")],
        [f"x enabled={value} y" for value in ("true", "false", "yes", "no", "null")],
        [f"failed to {verb} the file" for verb in ("parse", "fetch", "render", "bind", "encode")],
        [f"the copy {word} there" for word in ("is", "was", "will", "can", "should", "may")],
        [
            f"now {word}"
            for word in ("not-ready", "half-open", "in-progress", "on-hold", "up-to-date")
        ],
        [f"end with {word}" for word in ("FAIL_CLEANUP", "FAIL_RETRY", "OK_EARLY", "OK_LATE")],
        [f"caught java.{name}" for name in ("io.IOException", "net.BindException")],
    ],
)
def test_what_happened_is_never_merged(lines: list[str]) -> None:
    texts = groups(lines)

    assert all(texts[one] != texts[other] for one, other in combinations(lines, 2))


def test_the_first_word_is_never_a_variable() -> None:
    daemons = ("cupsd", "klogd", "syslogd", "portmap", "irqbalance", "hcid", "sdpd", "crond")

    assert len(set(groups([f"{name} startup succeeded" for name in daemons]).values())) == 8
