from streams.domain.changelog.squash import split_squash

LIST = "* feat(a): turbo\n* fix: leak\n* feat(a): turbo"
SQUASHED = f"Better engine (#3)\n\n{LIST}\n\nfix!: seal\n\nwhy"


def test_a_header_without_convention_gives_way_to_the_items_of_its_list() -> None:
    found = split_squash(SQUASHED, "all")

    assert [(part.type, part.subject) for part in found] == [
        ("fix", "seal"), ("feat", "turbo"), ("fix", "leak"),
    ]  # fmt: skip


def test_a_paragraph_with_a_conventional_header_is_a_commit_with_its_own_body() -> None:
    head, sealed = split_squash(SQUASHED, "paragraphs")

    assert head.body == LIST
    assert (sealed.breaking_text, sealed.body) == ("seal", "why")


def test_the_header_alone_may_stand_for_the_whole() -> None:
    (head,) = split_squash(SQUASHED, "header")

    assert head.subject == "Better engine (#3)"
