import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.templates import ShapeCache, shape_id

BODIES = st.lists(
    st.one_of(
        st.text(max_size=80),
        st.sampled_from(
            [
                "ssh2 L3 node7 up",
                "node12 up",
                "user alice from 10.0.0.1",
                '"GET /a HTTP/1.1" 404 12',
                "id deadbeef01 took 5 ms",
                "r24=1 p99=2",
                "first\nsecond",
            ]
        ),
    ),
    max_size=30,
)
TRACE = """Request 17 failed
java.lang.IllegalStateException: no
\tat a.b.C.d(C.java:5)
Caused by: java.io.IOException: yes
"""


@given(BODIES)
def test_a_shape_does_not_depend_on_what_the_cache_has_seen(bodies: list[str]) -> None:
    warm = ShapeCache()
    for body in bodies:
        warm.shape(body)

    assert [warm.shape(body) for body in bodies] == [ShapeCache().shape(body) for body in bodies]


def test_a_forgotten_line_gets_the_same_shape_again() -> None:
    cache = ShapeCache()
    before = cache.shape("user alice did 5 things at node3")
    for letter in range(40_000):
        cache.shape(f"{chr(0x4E00 + letter % 20_000)} {letter // 20_000} filler")

    assert cache.shape("user alice did 5 things at node3") == before


def test_memory_stays_bounded_under_unique_tokens() -> None:
    cache = ShapeCache()
    for number in range(60_000):
        word = number.to_bytes(3, "big").hex().translate(str.maketrans("0123456789", "ghijklmnop"))
        cache.shape(f"{word} {word}x is new")

    assert cache.entry_count() < 100_000


def test_the_first_line_and_the_exception_class_make_the_shape_of_a_trace() -> None:
    assert ShapeCache().shape(TRACE) == "Request <*> failed java.lang.IllegalStateException"


def test_lines_below_the_first_do_not_matter_without_an_exception() -> None:
    cache = ShapeCache()

    assert cache.shape("top\nleft 1") == cache.shape("top\nright 2") == cache.shape("top")


def test_a_long_line_is_cut() -> None:
    cache = ShapeCache()
    shape = cache.shape("word " * 50_000)

    assert len(shape) < 1_000
    assert shape == cache.shape("word " * 60_000)


def test_an_id_is_the_same_in_every_process() -> None:
    program = (
        "from streams.domain.templates import ShapeCache, TemplateSet, shape_id\n"
        "cache, templates = ShapeCache(), TemplateSet()\n"
        "for name in ('ann', 'bob', 'cyd', 'dan', 'eve'):\n"
        "    for end in ('up', 'down', '5'):\n"
        "        shape = cache.shape(f'host {name} went {end} user={name}')\n"
        "        templates.add(shape_id('web', shape), shape)\n"
        "print(sorted((k, v.template_id, v.text) for k, v in templates.resolve().items()))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "77")
    }

    assert len(outputs) == 1


def test_an_id_is_signed_64_bit_and_knows_the_service() -> None:
    assert shape_id("web", "a <*>") == 8443329886597209879
    assert shape_id("web", "a <*>") != shape_id("db", "a <*>")
    assert shape_id(None, "a <*>") == shape_id("", "a <*>")
