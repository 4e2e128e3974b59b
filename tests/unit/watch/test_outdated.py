"""Would catch an operator that stands still without a word, or asks and writes without end, under older definitions."""

import asyncio
from typing import Any

import pytest
from crossfade.ports import MODEL_REGISTRIES, ROLLOUTS, ClusterError

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import rollout
from tests.unit.fakes.old_definitions import statuses
from tests.unit.watch.test_semver import FIRST, Team, condition, files
from tests.unit.watch.test_sourcing import Aliases, source
from tests.unit.watch.test_writing_back import Book, said, serving

OLD = ("ModelVersion.semver", "ModelVersion.resolved.weightsDigest")


def message(status: dict[str, Any]) -> str:
    """What the condition DefinitionOutdated says, empty where there is none."""
    said = (one["message"] for one in status["conditions"] if one["type"] == "DefinitionOutdated")
    return str(next(said, ""))


async def current(cluster: FakeCluster, clock: FakeClock, loop: Loop) -> None:
    """The definitions are those of the operator's release from now on, and that is seen."""
    cluster.statuses = {}
    clock.at += 10
    await loop.definitions.look()
    await loop.settle()


async def test_a_version_is_resolved_with_what_fits_and_says_what_was_lost_and_what_to_do() -> None:
    team = Team()
    team.cluster.statuses = statuses(*OLD)
    status = await team.registers("v1", "1.0.0", FIRST)
    assert condition(status, "Ready") == ("True", "Resolved")
    assert condition(status, "SemverKept") == ("Unknown", "FirstVersion")
    assert condition(status, "DefinitionOutdated") == ("True", "DefinitionOutdated")
    assert "`status.resolved.weightsDigest`, `status.semver`" in message(status)
    assert "kubectl apply -f crds/" in message(status)
    assert "semver" not in status
    assert "weightsDigest" not in status["resolved"]
    assert len(team.cluster.refused) == 1


async def test_nothing_more_is_written_or_refused_however_often_it_is_looked_at_and_after_a_restart() -> None:
    team = Team()
    team.cluster.statuses = statuses(*OLD)
    before = await team.registers("v1", "1.0.0", FIRST)
    writes, refused = list(team.cluster.writes), list(team.cluster.refused)
    for _ in range(3):
        team.clock.at += 60
        team.loop.world.look_again()
        await team.loop.settle()
    team.restart()
    team.loop.world.look_anew()
    await team.loop.settle()
    await team.loop.definitions.look()
    await team.loop.settle()
    assert (team.cluster.writes, team.cluster.refused) == (writes, refused)
    assert team.status("v1") == before


async def test_who_enforces_waits_reads_once_and_goes_on_by_itself() -> None:
    team = Team()
    team.cluster.statuses = statuses(*OLD)
    reads: list[str] = []
    files_of = team.stored.files

    async def counted(uri: str) -> Any:
        reads.append(uri)
        return await files_of(uri)

    team.stored.files = counted  # type: ignore[method-assign]
    status = await team.registers("v1", "1.0.0", FIRST, semver="Enforce")
    assert condition(status, "Ready") == ("Unknown", "DefinitionOutdated")
    assert "resolved" not in status
    team.loop.world.look_again()
    await team.loop.settle()
    assert len(reads) == 1
    assert len(team.cluster.refused) == 1
    await current(team.cluster, team.clock, team.loop)
    status = team.status("v1")
    assert condition(status, "Ready") == ("True", "Resolved")
    assert status["semver"]["verdict"] == "First"
    assert "weightsDigest" in status["resolved"]
    assert message(status) == ""
    assert len(reads) == 1


async def test_the_next_version_says_it_too_and_what_was_said_ends_with_the_older_definitions() -> None:
    team = Team()
    team.cluster.statuses = statuses(*OLD)
    await team.registers("v1", "1.0.0", FIRST)
    status = await team.registers("v2", "2.0.0", files("w2"))
    assert message(status)
    assert len(team.cluster.refused) == 1, "what is not known is known by now"
    await current(team.cluster, team.clock, team.loop)
    assert [message(team.status(name)) for name in ("v1", "v2")] == ["", ""]
    assert condition(team.status("v1"), "SemverKept") == ("Unknown", "FirstVersion")


async def test_a_value_that_is_not_known_is_lost_with_what_is_no_whole_without_it() -> None:
    team = Team()
    team.cluster.statuses = statuses()
    verdict = team.cluster.statuses["ModelVersion"]["properties"]["semver"]["properties"]["verdict"]
    verdict["enum"].remove("First")
    team.cluster.refuse = lambda verb, kind, name: False
    apply = team.cluster.apply_status

    async def refusing(kind: Any, body: Any) -> Any:
        if "semver" in body["status"]:
            raise ClusterError('status.semver.verdict: Unsupported value: "First"', 422)
        return await apply(kind, body)

    team.cluster.apply_status = refusing  # type: ignore[method-assign]
    status = await team.registers("v1", "1.0.0", FIRST)
    assert condition(status, "Ready") == ("True", "Resolved")
    assert "`status.semver.verdict=First`" in message(status)
    team.loop.world.look_again()
    await team.loop.settle()
    assert team.status("v1") == status


async def test_a_refusal_for_another_reason_is_raised_as_ever() -> None:
    team = Team()
    team.cluster.refuse = lambda verb, kind, name: verb == "status"
    with pytest.raises(ClusterError):
        await team.registers("v1", "1.0.0", FIRST)


async def test_a_rollout_serves_holds_and_goes_on_and_its_end_is_recorded() -> None:
    team = Team()
    await team.registers("v1", "1.0.0", FIRST)
    team.cluster.statuses = statuses("Rollout.stable.ready")
    team.cluster.create(rollout("v1"))
    team.loop.watch()
    await team.loop.settle()
    team.clock.at += 60
    team.loop.world.look_again()
    await team.loop.settle()
    status = team.cluster.objects["Rollout", "ml", "demo"]["status"]
    assert "`status.stable.ready`" in message(status)
    routes = {name for kind, _, name in team.cluster.objects if kind == "HTTPRoute"}
    assert routes == {"demo"}, "a first version serves all the same"
    writes = list(team.cluster.writes)
    team.loop.world.look_again()
    await team.loop.settle()
    assert team.cluster.writes == writes
    await current(team.cluster, team.clock, team.loop)
    status = team.cluster.objects["Rollout", "ml", "demo"]["status"]
    assert message(status) == ""
    assert status["stable"]["ready"] > 0


async def test_an_order_is_answered_once_although_the_tokens_before_it_cannot_be_kept() -> None:
    team = Team()
    await team.registers("v1", "1.0.0", FIRST)
    team.cluster.statuses = statuses("Rollout.handled[].earlier")
    team.cluster.create(rollout("v1"))
    team.loop.watch()
    for token in "121":
        asked = await team.cluster.get(ROLLOUTS, "ml", "demo")
        asked["metadata"]["annotations"] = {"crossfade.dev/abort": token}
        team.cluster.create(asked)
        for _ in range(2):
            await team.loop.settle()
            writes, refused = list(team.cluster.writes), list(team.cluster.refused)
            team.clock.at += 60
            team.loop.world.look_again()
            await team.loop.settle()
        status = team.cluster.objects["Rollout", "ml", "demo"]["status"]
        assert [(one["verb"], one["token"], one.get("earlier")) for one in status["handled"]] == [
            ("abort", token, None)
        ]
        assert (team.cluster.writes, team.cluster.refused) == (writes, refused)
    assert "`status.handled[].earlier`" in message(status)
    await current(team.cluster, team.clock, team.loop)
    assert message(team.cluster.objects["Rollout", "ml", "demo"]["status"]) == ""


async def test_a_source_that_cannot_record_what_it_found_asks_once_and_makes_nothing() -> None:
    cluster, clock, aliases = FakeCluster(), FakeClock(), Aliases()
    cluster.create(source())
    cluster.statuses = statuses("ModelSource.observed")
    loop = Loop(cluster, clock, aliases)
    await loop.settle()
    status = cluster.objects["ModelSource", "ml", "fraud"]["status"]
    assert condition(status, "Ready") == ("Unknown", "DefinitionOutdated")
    asked, made = aliases.asked, [name for kind, _, name in cluster.objects if kind == "ModelVersion"]
    clock.at += 3600
    loop.world.look_again()
    await loop.settle()
    assert aliases.asked == asked == 1
    await current(cluster, clock, loop)
    status = cluster.objects["ModelSource", "ml", "fraud"]["status"]
    assert condition(status, "Ready")[1] != "DefinitionOutdated"
    assert "observed" in status
    assert len(made) <= 1


async def test_a_registry_is_not_told_what_it_acknowledged_again_and_again() -> None:
    book = Book()
    cluster, clock, loop = await serving(book)
    cluster.statuses = statuses("ModelRegistry.written[].outcomes")
    read = await cluster.get(MODEL_REGISTRIES, "ml", "risk")
    del read["status"]["written"]  # as what is not known is left out when it is read
    cluster.create(read, generation=0)
    loop.watch()
    told = len(book.told)
    for _ in range(5):
        clock.at += 700
        loop.world.look_again()
        await loop.settle()
    once = len(book.told)
    assert once - told <= 2
    assert said(cluster, "DefinitionOutdated")[0] == "True"
    assert said(cluster, "WrittenBack")[:2] == ("False", "WriteBackDelayed")
    await current(cluster, clock, loop)
    assert said(cluster, "WrittenBack")[:2] == ("True", "WrittenBack")


async def test_definitions_are_read_again_until_they_are_current_and_not_after_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crossfade.status.definitions._LOOK_SECONDS", 0.0)
    team = Team()
    reads: list[float] = []
    read = team.cluster.read

    async def counted() -> Any:
        reads.append(team.clock.at)
        team.clock.at += 10
        if len(reads) == 3:
            team.cluster.statuses = {}
        return await read()

    team.cluster.read = counted  # type: ignore[method-assign]
    team.cluster.statuses = statuses(*OLD)
    watching = asyncio.create_task(team.loop.definitions.run())
    await team.registers("v1", "1.0.0", FIRST)
    async with asyncio.timeout(60):
        while message(team.status("v1")):
            await asyncio.sleep(0)
            await team.loop.settle()
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(reads) == 3
    watching.cancel()
