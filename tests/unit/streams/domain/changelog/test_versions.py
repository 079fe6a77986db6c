import pytest

from streams.domain.changelog.versions import (
    Level,
    Version,
    looks_calendar,
    next_version,
    parse_version,
)


def version(tag: str) -> Version:
    found = parse_version(tag)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("tag", "series", "numbers", "is_stable", "text"),
    [
        ("v1.2.3", "", (1, 2, 3), True, "1.2.3"),
        ("0.28.1", "", (0, 28, 1), True, "0.28.1"),
        ("plugin-legacy@8.2.3", "plugin-legacy", (8, 2, 3), True, "8.2.3"),
        ("@acme/ui@1.0.0-beta.1", "@acme/ui", (1, 0, 0), False, "1.0.0-beta.1"),
        ("release-2.0", "", (2, 0), True, "2.0"),
        ("6.0.0rc1", "", (6, 0, 0), False, "6.0.0rc1"),
        ("1.0.0.beta0", "", (1, 0, 0), False, "1.0.0.beta0"),
        ("9.2.0.dev0", "", (9, 2, 0), False, "9.2.0.dev0"),
        ("1.0.0.post1", "", (1, 0, 0), True, "1.0.0.post1"),
        ("4.0.0.Final", "", (4, 0, 0), True, "4.0.0.Final"),
        ("v1.0.0+build.5", "", (1, 0, 0), True, "1.0.0+build.5"),
        ("v7", "", (7,), True, "7"),
    ],
)
def test_a_tag_is_read_as_a_version(
    tag: str, series: str, numbers: tuple[int, ...], is_stable: bool, text: str
) -> None:
    found = version(tag)

    assert (found.series, found.numbers, found.is_stable, found.text) == (
        series, numbers, is_stable, text,
    )  # fmt: skip


@pytest.mark.parametrize("tag", ["latest", "nightly", "", "v", "x" * 5_000])
def test_other_tags_are_no_versions(tag: str) -> None:
    assert parse_version(tag) is None


def test_versions_are_ordered_as_people_order_them() -> None:
    tags = ["1.0.0.dev1", "1.0.0a1", "1.0.0-beta.2", "1.0.0-beta.10", "1.0.0rc1", "1.0.0", "1.0.1"]

    assert sorted(tags, key=lambda tag: version(tag).key) == tags
    assert version("1.2").key == version("1.2.0").key


@pytest.mark.parametrize(
    ("tag", "level", "expected"),
    [
        ("v1.2.3", "major", "2.0.0"),
        ("v1.2.3", "minor", "1.3.0"),
        ("v1.2.3", "patch", "1.2.4"),
        ("v0.2.3", "major", "0.3.0"),
        ("7.4", "minor", "7.5"),
        ("7.4", "patch", "7.4.1"),
        ("v7", "minor", "7.1.0"),
    ],
)
def test_the_next_version_raises_what_the_level_says(tag: str, level: Level, expected: str) -> None:
    assert next_version(version(tag), level) == expected


def test_a_version_that_begins_with_its_year_is_a_calendar_version() -> None:
    assert looks_calendar(version("2024.1"), 2024)
    assert looks_calendar(version("24.04"), 2024)
    assert not looks_calendar(version("8.2.1"), 2008)
    assert not looks_calendar(version("24.0.0"), None)
