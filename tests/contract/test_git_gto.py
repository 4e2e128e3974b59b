"""Catches a version or a stage that means another commit than it means to GTO."""

import json
from pathlib import Path

import pytest
from crossfade.api.v1alpha1.facts import Provenance
from crossfade.model.moments import stamp
from crossfade.ports import SourceError

from tests.contract.git_bench import (
    MODEL,
    READER,
    GitBench,
    Registered,
    artifact,
    by_password,
    getting,
    loaded,
    reader,
    source,
    steps_in,
)
from tests.contract.registry_contract import resolve
from tests.support.faults import proxy
from tests.support.folders import on_disk


async def test_what_gto_registers_and_assigns_is_followed(git: GitBench, tmp_path: Path) -> None:
    there = Registered(git)
    first, second = there.commits[0], there.commits[1]
    push = ["git", "push", "--quiet", "--tags"]
    there.do(
        ["gto", "register", "fraud", first, "--version", "v1.0.0"],
        ["gto", "register", "fraud", second, "--version", "v1.1.0"],
        ["gto", "assign", "fraud", "--version", "v1.0.0", "--stage", "prod"],
        push,
    )
    access = reader(git, there.name)
    by_version = await resolve(access, artifact("fraud", version="v1.0.0"))
    by_stage = await resolve(access, artifact("fraud", stage="prod"))
    assert by_version.immutable_uri == by_stage.immutable_uri
    assert by_stage.immutable_uri == (await resolve(access, source(MODEL, first))).immutable_uri
    assert (await resolve(access, artifact("fraud", version="v1.1.0"))).registry_version == second
    assert there.stages_by_gto("fraud") == [{"prod": first}]
    assert by_stage.facts is not None
    assert by_stage.facts.tags is not None
    values = by_stage.facts.tags.values
    assert values.pop("message").startswith("Assigning stage")
    assert (values.pop("artifact"), values.pop("version"), values.pop("stage")) == ("fraud", "v1.0.0", "prod")
    assert (values.pop("tag"), values.pop("tagger")) == ("fraud#prod#1", "name@git")
    assert values == {"type": "model", "description": "finds fraud", "labels": "risk"}
    (registered,) = there.do(["git", "for-each-ref", "--format=%(taggerdate:unix)", "refs/tags/fraud@v1.0.0"])
    made = Provenance(origin="Registry", created_by="name@git", created_at=stamp(int(registered)))
    assert (made, made) == (by_version.facts and by_version.facts.provenance, by_stage.facts.provenance)
    assert (await loaded(access, by_stage, tmp_path / "m"))["model.bin"] == bytes([0]) * 64
    there.do(["gto", "assign", "fraud", "--version", "v1.1.0", "--stage", "prod"], push)
    by_stage = await resolve(access, artifact("fraud", stage="prod"))
    assert there.stages_by_gto("fraud") == [{"prod": by_stage.registry_version}]


HISTORIES = {
    "the later one wins": [("fraud@v1.0.0", 0), ("fraud@v1.1.0", 1), ("fraud#prod#1", 1), ("fraud#prod#2", 0)],
    "time counts and not the number": [("fraud#prod#2", 0), ("fraud#prod#1", 1)],
    "what is taken back leaves the one before": [
        *(("fraud@v1.0.0", 0), ("fraud@v1.1.0", 1), ("fraud#prod#1", 0), ("fraud#prod#2", 1), ("fraud#prod!#3", 1)),
    ],
    "what was never registered is not taken back": [("fraud#prod#1", 0), ("fraud#prod#2", 1), ("fraud#prod!#3", 1)],
    "what is taken back before is not": [
        *(("fraud@v1.0.0", 0), ("fraud#prod#1", 0), ("fraud#prod!#2", 0), ("fraud#prod#3", 0)),
    ],
    "of another artifact": [("fraud#prod#1", 0), ("fraud-detector#prod#2", 1), ("fraud/x#prod#3", 2)],
    "without a number": [("fraud@v1.0.0", 0), ("fraud#prod", 0), ("fraud#dev", 1)],
    "what is registered no more is in no stage": [
        *(("fraud@v1.0.0#1", 0), ("fraud#prod#2", 0), ("fraud@v1.1.0#3", 1), ("fraud#prod#4", 1)),
        ("fraud@v1.1.0!#5", 1),
    ],
    "registered again": [("fraud@v1.0.0#1", 0), ("fraud@v1.0.0!#2", 0), ("fraud@v1.0.0#3", 0), ("fraud#prod#4", 0)],
    "several stages": [("fraud#a#1", 0), ("fraud#b#2", 0), ("fraud#a#3", 2), ("fraud#b-c/d#4", 1)],
    "what is no event": [("fraud#prod#1", 0), ("fraud@1.0.0", 1), ("fraud@v1", 1), ("fraud#", 1), ("fraud#prod#x", 1)],
    "deprecated and used again": [("fraud#prod#1", 0), ("fraud@deprecated#2", 0), ("fraud#prod#3", 1)],
}


@pytest.mark.slow
async def test_a_stage_means_what_it_means_to_gto(git: GitBench) -> None:
    names = [f"h{number}" for number in range(len(HISTORIES))]
    there = Registered(git, names)
    for name, history in zip(names, HISTORIES.values(), strict=True):
        for number, (tag, commit) in enumerate(history):
            there.tag(tag.replace("fraud", name), commit, 1_900_000_000 + 100 * number)
    for name, title, expected in zip(names, HISTORIES, there.stages_by_gto(*names), strict=True):
        assert expected, title
        for stage in {"prod", "dev", "a", "b", "b-c/d"} | expected.keys():
            asked = artifact(name, stage=stage)
            if stage in expected:
                assert (await resolve(reader(git, there.name), asked)).registry_version == expected[stage], title
            else:
                with pytest.raises(SourceError, match="register it there"):
                    await resolve(reader(git, there.name), asked)


async def test_an_artifact_that_is_deprecated_or_lies_nowhere_is_refused(git: GitBench) -> None:
    there = Registered(git)
    git.served.git(there.name, "tag", "fraud@v1.0.0", there.commits[0])
    with pytest.raises(SourceError, match=r"no version v1\.0\.0 of an artifact 'fraud' by GTO's annotated tags"):
        await resolve(reader(git, there.name), artifact("fraud", version="v1.0.0"))
    there.tag("other@v1.0.0", 0, 1_900_000_000)
    with pytest.raises(SourceError, match=r"no path of the artifact 'other' in artifacts.yaml or dvc.yaml at"):
        await resolve(reader(git, there.name), artifact("other", version="v1.0.0"))
    there.tag("fraud@v1.1.0", 0, 1_900_000_000)
    there.tag("fraud@deprecated", 0, 1_900_000_100)
    assert json.loads(there.do(["gto", "show", "fraud", "--json"])[0]) == []
    with pytest.raises(SourceError, match="has the artifact 'fraud' deprecated"):
        await resolve(reader(git, there.name), artifact("fraud", version="v1.1.0"))


async def test_an_artifact_of_a_folders_dvc_yaml_is_the_one_that_dvcs_own_client_gets(
    git: GitBench, tmp_path: Path
) -> None:
    there = Registered(
        git,
        **{
            "risk/dvc.yaml": b"artifacts:\n  fraud:\n    path: m.bin\n    type: model\n",
            "risk/m.bin": b"2",
            ".dvc/config": b"",
        },
    )
    there.tag("risk=fraud@v1.0.0", 2, 1_900_000_000)
    access = reader(git, there.name)
    reference = await resolve(access, artifact("risk:fraud", version="v1.0.0"))
    theirs = tmp_path / "theirs" / "m.bin"
    steps_in(tmp_path, getting(git, there.name, theirs, "artifacts get", "risk:fraud", "--rev", "v1.0.0"))
    assert await loaded(access, reference, tmp_path / "ours") == on_disk(theirs)


@pytest.mark.slow
async def test_ten_thousand_versions_are_looked_through(git: GitBench) -> None:
    there = Registered(git)
    tags = "".join(
        f"tag fraud@v1.{number}.0#{number}\nfrom {there.commits[number % 3]}\n"
        f"tagger n <n@e> {1_900_000_000 + number} +0000\ndata 0\n"
        for number in range(10_000)
    )
    git.served.git(there.name, "fast-import", "--quiet", stdin=tags.encode())
    there.tag("fraud#prod#10000", 1, 1_950_000_000)
    with proxy(git.served.url) as front:
        access = by_password(READER, f"{front.url}/{there.name}")
        found = await resolve(access, artifact("fraud", version="v1.9998.0"))
        assert found.registry_version == there.commits[9998 % 3]
        assert (await resolve(access, artifact("fraud", stage="prod"))).registry_version == there.commits[1]
        assert len(front.seen) < 16
