from hypothesis import given
from hypothesis import strategies as st

from streams.domain.templates import ShapeCache, TemplateSet, shape_id, template_slots


def test_the_values_of_the_slots_come_in_order() -> None:
    template = "session opened for user <*> by (uid=<*>)"

    assert template_slots(template, "session opened for user bob by (uid=0)") == ["bob", "0"]


def test_a_slot_may_hold_several_words_or_none() -> None:
    assert template_slots("delete <*>", "delete 1 2 3") == ["1 2 3"]
    assert template_slots("from <*> (<*>)", "from 1.2.3.4 ()") == ["1.2.3.4", ""]


def test_blanks_do_not_matter() -> None:
    assert template_slots("a <*> b", "  a   5\t b ") == ["5"]


def test_a_body_of_another_template_has_no_slots() -> None:
    assert template_slots("a <*> b", "a 5 c") is None
    assert template_slots("a <*> b <*> c", "a 5 c") is None
    assert template_slots("ab <*>ba", "ab ba"[:4]) is None
    assert template_slots("same", "other") is None


def test_a_template_without_slots_matches_itself() -> None:
    assert template_slots("all quiet", "all  quiet") == []


@given(
    st.lists(
        st.sampled_from(
            [
                "user",
                "alice",
                "from",
                "10.0.0.1",
                "took",
                "5",
                "ms",
                "GET",
                "/a",
                "404",
                "(x)",
                "n1",
            ]
        ),
        min_size=1,
        max_size=12,
    ).map(" ".join)
)
def test_a_body_has_the_slots_of_its_own_shape(body: str) -> None:
    shape = ShapeCache().shape(body)

    assert template_slots(shape, body) is not None


def test_a_body_has_the_slots_of_its_merged_template() -> None:
    cache, templates = ShapeCache(), TemplateSet()
    bodies = [f"host {name} has 5.1 {unit}" for name in ("a", "b", "c") for unit in ("KB", "MB")]
    for body in bodies:
        templates.add(shape_id(None, cache.shape(body)), cache.shape(body))
    texts = {template.text for template in templates.resolve().values()}

    assert texts == {"host <*> has <*>"}
    assert template_slots(texts.pop(), bodies[-1]) == ["c", "5.1 MB"]
