"""What cannot be said about a repository is refused before it is on the topic."""

import pytest

from tests.integration.graphql_api.conftest import Api

pytestmark = pytest.mark.integration

BAD_MUTATIONS = [
    'recordCommits(repo: "r")',
    'recordCommits(repo: "", commits: [{sha: "aaaaaaa", message: "x"}])',
    'recordCommits(repo: "r", commits: [{sha: "xyz", message: "x"}])',
    'recordCommits(repo: "r", commits: [{sha: "aaaaaaa", message: "x", parents: ["?"]}])',
    'recordCommits(repo: "r", tags: [{name: "", sha: "aaaaaaa"}])',
    'cutRelease(repo: "r", name: "", sha: "aaaaaaa")',
    'cutRelease(repo: "r", name: "v1", sha: "nothing")',
    'overrideEntry(repo: "r", sha: "aaaaaaa", override: {category: "shiny"})',
]


@pytest.mark.parametrize("mutation", BAD_MUTATIONS)
async def test_what_the_stream_would_reject_is_refused_at_once(api: Api, mutation: str) -> None:
    code = await api.refusal(f"mutation {{ {mutation} {{ id }} }}", role="operator")

    assert code == "BAD_USER_INPUT"


async def test_too_many_commits_are_refused(api: Api) -> None:
    code = await api.refusal(
        "mutation($commits: [CommitInput!]!) "
        '{ recordCommits(repo: "r", commits: $commits) { id } }',
        role="operator",
        commits=[{"sha": "a" * 40, "message": "x"}] * 501,
    )

    assert code == "BAD_USER_INPUT"


async def test_a_broker_away_is_told(api: Api) -> None:
    code = await api.refusal(
        'mutation { cutRelease(repo: "r", name: "v1", sha: "aaaaaaa") { id } }', role="operator"
    )

    assert code == "BROKER_UNAVAILABLE"
