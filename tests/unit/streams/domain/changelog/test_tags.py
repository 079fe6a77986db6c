from schemas.events import ReleaseEvent, TagEvent
from streams.domain.changelog.releases import build_releases
from tests.unit.streams.domain.changelog.histories import REPOSITORY, line, sha


def test_a_release_cut_by_hand_is_where_it_was_cut_whatever_a_tag_of_its_name_says() -> None:
    commits = line("feat: a", "fix: b", "fix: c")
    tag = TagEvent(repository=REPOSITORY, name="v1.0.0", sha=sha("0"), timestamp_s=9)
    cut = ReleaseEvent(repository=REPOSITORY, name="v1.0.0", sha=sha("1"), timestamp_s=1)

    documents = build_releases(commits, [tag], [cut])

    assert [document.release.name for document in documents] == ["v1.0.0", None]
    assert documents[0].release.head_sha == sha("1")
