"""Catches a Vertex AI that is told what was not decided, is told it again and again, or over what others did."""

import re
from collections.abc import Iterator

import pytest
from crossfade.model.writing import Approve, Point, Release, Tag
from crossfade.ports import RefusedError

from tests.contract.telling import AT, RECORD, named, refused, tell
from tests.contract.vertex_bench import VertexBench, a_bench, a_model, source
from tests.support.faults import Answer, Proxy, proxy, refusing

LABELS = {
    "crossfade-outcome": "fast-promoted",
    "crossfade-rollout": "ml_fraud",
    "crossfade-evidence": "ml_fraud_fraud-2",
    "crossfade-at": "2026-01-01t00-00-05-000000z",
    "crossfade-digest": ("5e" * 32)[:63],
}


@pytest.fixture(scope="module")
def bench() -> Iterator[VertexBench]:
    """Vertex AI with a user who may write."""
    with a_bench() as made:
        yield made


@pytest.fixture
def front(bench: VertexBench) -> Iterator[Proxy]:
    with proxy(bench.url) as made:
        yield made


@pytest.fixture
def model(bench: VertexBench) -> str:
    """A model of two versions."""
    name = a_model()
    for number in (1, 2):
        bench.version(name, number, more={"labels": {"team": "risk"}})
    bench.cloud.written.clear()
    return name


def meaning(bench: VertexBench, model: str, alias: str = "champion") -> list[int]:
    return [number for number, one in enumerate(bench.cloud.models[model], 1) if alias in one.aliases]


async def test_an_alias_is_set_and_moved_and_what_is_so_already_is_not_written(bench: VertexBench, model: str) -> None:
    access = bench.access(bench.url, "writer")
    found = await named(access, source(model, "2"))
    assert (found.model, found.version) == (model, "2")
    for number in (1, 2):
        await tell(access, Point(model, "champion", "champion", str(number)))
        assert meaning(bench, model) == [number]
    bench.cloud.written.clear()
    await tell(access, Point(model, "champion", "champion", "2"))
    assert bench.cloud.written == []


async def test_an_alias_is_taken_away_while_it_means_what_it_was_given_to_and_no_longer(
    bench: VertexBench, model: str
) -> None:
    access, over = bench.access(bench.url, "writer"), Release(model, "challenger", "challenger", "1")
    await tell(access, over)
    bench.cloud.alias(model, "challenger", 2)
    await tell(access, over)
    assert (bench.cloud.written, meaning(bench, model, "challenger")) == ([], [2])
    bench.cloud.alias(model, "challenger", 1)
    await tell(access, over)
    assert meaning(bench, model, "challenger") == []


async def test_the_record_is_in_the_labels_as_labels_are_spelled_beside_those_of_others(
    bench: VertexBench, model: str
) -> None:
    access = bench.access(bench.url, "writer")
    await tell(access, Tag(model, "2", RECORD, "f", AT))
    assert bench.cloud.models[model][1].more["labels"] == {"team": "risk", **LABELS}
    again = {**RECORD, "outcome": "RolledBack", "rollout": f"ml/{'a.Bc-' * 20}"}
    await tell(access, Tag(model, "2", again, "g", AT), Tag(model, "2", again, "g", AT))
    labels = bench.cloud.models[model][1].more["labels"]
    assert (labels["crossfade-outcome"], len(bench.cloud.written)) == ("rolled-back", 2)
    assert re.fullmatch("ml_[a-z0-9_-]{1,59}[a-z0-9]", labels["crossfade-rollout"])
    assert bench.cloud.models[model][0].more["labels"] == {"team": "risk"}


async def test_labels_that_somebody_changed_in_between_are_not_written_over(
    bench: VertexBench, front: Proxy, model: str
) -> None:
    """The answer that was read is of before their change."""
    version = bench.cloud.models[model][1]
    version.writes += 1
    before = f'"etag": "{version.etag}"'.encode()

    def older(answer: Answer) -> Answer:
        return Answer(answer.status, answer.headers, answer.content.replace(before, b'"etag": "of before"'))

    front.inject(older)
    failure = await refused(bench.access(front.url, "writer"), Tag(model, "2", RECORD, "f", AT))
    assert isinstance(failure, RefusedError)
    assert "somebody else changes the model" in str(failure)
    assert version.more["labels"] == {"team": "risk"}


async def test_a_version_that_is_gone_needs_no_record_and_gets_no_alias(bench: VertexBench, model: str) -> None:
    access = bench.access(bench.url, "writer")
    await tell(access, Tag(model, "9", RECORD, "f", AT), Tag("none", "1", RECORD, "f", AT))
    failure = await refused(access, Point(model, "champion", "champion", "9"))
    assert isinstance(failure, RefusedError)
    assert "check that version 9" in str(failure)


async def test_who_may_read_and_not_write_is_told_so_and_it_is_about_this_model_alone(
    bench: VertexBench, model: str
) -> None:
    for deed in (Point(model, "champion", "champion", "1"), Tag(model, "1", RECORD, "f", AT)):
        failure = await refused(bench.access(bench.url), deed, *bench.canaries)
        assert isinstance(failure, RefusedError)
        assert "`aiplatform.models.update`" in str(failure)


async def test_who_is_not_known_and_a_bad_moment_are_about_the_registry(
    bench: VertexBench, front: Proxy, model: str
) -> None:
    deed = Point(model, "champion", "champion", "1")
    assert not isinstance(await refused(bench.access(bench.url, "stranger"), deed, *bench.canaries), RefusedError)
    front.inject(refusing(503, Retry_After="7"), "mergeVersionAliases")
    failure = await refused(bench.access(front.url, "writer"), deed, *bench.canaries)
    assert (isinstance(failure, RefusedError), failure.wait) == (False, 7.0)


async def test_approvals_are_not_for_it(bench: VertexBench, model: str) -> None:
    deed = Approve(model, "1", "u", approved=True, why="w", fingerprint="f", at=AT)
    assert isinstance(await refused(bench.access(bench.url, "writer"), deed), RefusedError)
