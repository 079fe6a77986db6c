import pytest

from streams.domain.templates import coarse_shape


@pytest.mark.parametrize(
    ("shape", "coarse"),
    [
        ("disk <*> is full", "disk <*>"),
        ("disk <*>", "disk <*>"),
        ("restart.", "<*>"),
        ("", "<*>"),
    ],
)
def test_a_coarse_shape_keeps_the_first_word_of_several(shape: str, coarse: str) -> None:
    assert coarse_shape(shape) == coarse


def test_the_coarse_shape_of_a_coarse_shape_is_itself() -> None:
    assert coarse_shape(coarse_shape("disk is full")) == "disk <*>"
    assert coarse_shape("<*>") == "<*>"
