"""Would catch a pod that is started for a version that its policy refuses, or a verdict that changes once made."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from crossfade.ports import WHOLE, Part, Reference, StoredFile

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import rollout, version

AGE, CITY = {"name": "age", "type": "double"}, {"name": "city", "type": "string"}
OUTPUTS = json.dumps([{"type": "double", "name": "score"}])


def files(weights: str, *inputs: dict[str, str], readme: str = "") -> dict[str, bytes]:
    signature = {"inputs": json.dumps(inputs), "outputs": OUTPUTS} if inputs else None
    return {
        "model.bin": weights.encode(),
        "MLmodel": json.dumps({"run_id": readme, "signature": signature}).encode(),
        "README.md": readme.encode(),
    }


class Stored:
    """The Artifacts port: the files of each address, and the Registry port beside it."""

    def __init__(self) -> None:
        self.models: dict[str, dict[str, bytes]] = {}

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """See ports.Artifacts."""
        return [StoredFile(path, len(content)) for path, content in self.models[uri].items()]

    async def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """See ports.Artifacts."""
        yield self.models[uri][path][part.start :]

    async def resolve(self, source: Any) -> Reference:
        """See ports.Registry."""
        return Reference(source.uri.uri, source.uri.uri)


class Team:
    """Registers versions of one model, one after the other."""

    def __init__(self) -> None:
        self.cluster, self.clock, self.stored = FakeCluster(), FakeClock(), Stored()
        self.restart()

    def restart(self) -> None:
        self.loop = Loop(self.cluster, self.clock, self.stored)
        self.loop.sources.artifacts = self.stored  # type: ignore[assignment]

    async def registers(self, name: str, number: str, content: dict[str, bytes], **policy: str) -> dict[str, Any]:
        """The status after it came to rest."""
        self.stored.models[f"file:///models/{name}"] = content
        self.cluster.create(version(name, version=number, policy=policy))
        self.loop.watch()
        await self.loop.settle()
        return self.status(name)

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.objects["ModelVersion", "ml", name]["status"]
        return found


def condition(status: dict[str, Any], kind: str) -> tuple[str, str]:
    found = next(one for one in status["conditions"] if one["type"] == kind)
    return found["status"], found["reason"]


FIRST = files("w1", AGE, CITY)


@pytest.mark.parametrize(
    ("number", "content", "verdict", "told"),
    [
        ("1.0.1", files("w1", AGE, CITY, readme="typo"), "Kept", ("True", "SemverKept")),
        ("1.0.1", files("w2", AGE, CITY), "Broken", ("False", "SemverBroken")),
        ("1.1.0", files("w2", AGE, CITY), "Kept", ("True", "SemverKept")),
        ("1.1.0", files("w2", AGE), "Broken", ("False", "SemverBroken")),
        ("1.1.0", files("w2"), "Unknown", ("Unknown", "SemverUnknown")),
        ("2.0.0", files("w2", AGE), "Kept", ("True", "SemverKept")),
    ],
)
async def test_by_itself_a_version_that_promises_too_much_is_told_and_served(
    number: str, content: dict[str, bytes], verdict: str, told: tuple[str, str]
) -> None:
    team = Team()
    first = await team.registers("v1", "1.0.0", FIRST)
    assert first["semver"]["verdict"] == "First"
    assert condition(first, "SemverKept") == ("Unknown", "FirstVersion")
    status = await team.registers("v2", number, content)
    assert status["semver"]["verdict"] == verdict
    assert status["semver"]["comparedWith"] == "v1"
    assert condition(status, "SemverKept") == told
    assert condition(status, "Ready") == ("True", "Resolved")
    warnings = [event["reason"] for event in team.cluster.events if event["type"] == "Warning"]
    assert warnings == (["SemverBroken"] if verdict == "Broken" else [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [(files("w2", AGE), "SemverBroken"), (files("w2"), "SemverUnknown"), (files("w2", AGE, CITY), None)],
)
async def test_no_pod_is_started_for_what_is_refused_and_what_serves_is_not_disturbed(
    content: dict[str, bytes], reason: str | None
) -> None:
    team = Team()
    await team.registers("v1", "1.0.0", FIRST)
    team.cluster.create(rollout("v1"))
    team.loop.watch()
    await team.loop.settle()
    serving = {name for kind, _, name in team.cluster.objects if kind == "Deployment"}
    assert serving
    status = await team.registers("v2", "1.1.0", content, semver="Enforce")
    assert condition(status, "Ready") == (("False", reason) if reason else ("True", "Resolved"))
    assert ("resolved" in status) == (reason is None)
    team.cluster.create({**team.cluster.objects["Rollout", "ml", "demo"], "spec": rollout("v2")["spec"]})
    team.loop.watch()
    await team.loop.settle()
    new = {name for kind, _, name in team.cluster.objects if kind == "Deployment"} - serving
    assert bool(new) == (reason is None)
    assert team.cluster.objects["Rollout", "ml", "demo"]["status"]["stable"]["modelVersion"] == "v1"


@pytest.mark.parametrize("policy", ["Warn", "Enforce"])
async def test_a_verdict_outlives_all_that_comes_and_goes_and_a_restart_writes_nothing(policy: str) -> None:
    team = Team()
    await team.registers("v1", "1.0.0", FIRST)
    broken = await team.registers("v3", "1.2.0", files("w2", AGE), semver=policy)
    between = await team.registers("v2", "1.1.0", files("w2", AGE), semver="Warn")
    assert (broken["semver"]["verdict"], between["semver"]["verdict"]) == ("Broken", "Broken")
    del team.cluster.objects["ModelVersion", "ml", "v1"]
    team.cluster.writes.clear()
    team.restart()
    await team.loop.settle()
    assert team.status("v3") == broken
    assert team.cluster.writes == []


async def test_what_was_resolved_before_there_were_verdicts_is_left_as_it_is_and_compared_with() -> None:
    team = Team()
    old = await team.registers("v1", "1.0.0", FIRST)
    del old["semver"], old["resolved"]["weightsDigest"], old["resolved"]["signature"]["parameters"]
    old["conditions"] = [one for one in old["conditions"] if one["type"] != "SemverKept"]
    team.cluster.writes.clear()
    team.restart()
    await team.loop.settle()
    assert team.cluster.writes == []
    assert (await team.registers("v2", "1.0.1", files("w2", AGE, CITY)))["semver"]["verdict"] == "Unknown"
    del team.cluster.objects["ModelVersion", "ml", "v2"]
    assert (await team.registers("v3", "1.1.0", files("w2", AGE, CITY)))["semver"]["verdict"] == "Unknown"
    del team.cluster.objects["ModelVersion", "ml", "v3"]
    assert (await team.registers("v4", "1.1.0", files("w2", AGE)))["semver"]["verdict"] == "Broken"


async def test_a_predecessor_whose_status_cannot_be_read_keeps_nobody_up() -> None:
    team = Team()
    (await team.registers("v1", "1.0.0", FIRST))["resolved"]["files"] = "many"
    team.cluster.objects["ModelVersion", "ml", "v1"]["metadata"]["resourceVersion"] = "5000"
    status = await team.registers("v2", "1.0.1", FIRST)
    assert (status["semver"]["verdict"], condition(status, "Ready")) == ("Unknown", ("True", "Resolved"))


async def test_the_interface_of_an_onnx_file_is_its_promise_too() -> None:
    team, known = Team(), Path(__file__).parents[1] / "observe" / "formats" / "files"
    plain, other = ((known / f"{name}.onnx").read_bytes() for name in ("model", "interface"))
    assert (await team.registers("v1", "1.0.0", {"model.onnx": plain}))["semver"]["verdict"] == "First"
    again = await team.registers("v2", "1.0.1", {"model.onnx": plain, "README.md": b"what it is"})
    assert again["semver"]["verdict"] == "Kept"
    broken = await team.registers("v3", "1.1.0", {"model.onnx": other})
    assert broken["semver"]["verdict"] == "Broken"
    assert "the input 'x' is gone" in broken["semver"]["message"]


async def test_a_name_against_the_convention_is_refused_before_anybody_is_asked() -> None:
    team = Team()
    status = await team.registers("final", "1.0.0", FIRST, naming="Convention")
    assert condition(status, "Ready") == ("False", "NameRefused")
    assert "semver" not in status
    assert team.loop.sources.opened == []
    status = await team.registers("model-v1.0.0-prod", "1.0.0", FIRST, naming="Convention")
    assert condition(status, "Ready") == ("True", "Resolved")
