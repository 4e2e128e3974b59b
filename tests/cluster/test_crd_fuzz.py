"""Catches a spec that the API server accepts and the operator cannot read, or the other way round."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from crossfade.api.admission import refusals
from crossfade.api.kinds import KINDS
from crossfade.api.meta import API_VERSION
from crossfade.codegen.crd import object_schema
from kubernetes.aio import client

from testbed.handle import ClusterHandle
from tests.cluster.crd_mutations import mutated
from tests.cluster.crd_valid import VALID
from tests.cluster.crd_verdict import IN_FLIGHT, asking, verdict

pytestmark = pytest.mark.cluster

_CRDS = Path(__file__).parents[2] / "crds"

_SEED = 20261122
_PER_KIND = {"Rollout": 1500, "ModelVersion": 500, "ModelSource": 400, "ModelRegistry": 300, "MetricTemplate": 300}


@dataclass(frozen=True)
class Difference:
    """Two verdicts that differ: what the server said (empty when it accepted) and what the types say."""

    kind: str
    spec: Any
    server: str
    types: list[str]


def _integers(value: Any) -> Any:
    """The value with whole numbers written as integers."""
    if isinstance(value, dict):
        return {key: _integers(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_whole_float(difference: Difference) -> bool:
    """The server takes `5.0` for an integer where no rule reads it, and hands out `5`: no reader sees the float."""
    return not difference.server and not refusals(KINDS[difference.kind], _integers(difference.spec))


JUSTIFIED: dict[str, Callable[[Difference], bool]] = {"a whole number written as a float": _is_whole_float}
"""Differences that are right, by what makes them so."""


@pytest.fixture(scope="module")
def crds(bed: ClusterHandle) -> None:
    """The kinds, served."""
    bed.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(_CRDS))
    bed.kubectl("wait", "--for=condition=Established", "--timeout=180s", *(f"crd/{k.crd_name}" for k in KINDS.values()))


@pytest.fixture
async def custom_objects(bed: ClusterHandle, crds: None) -> AsyncIterator[client.CustomObjectsApi]:
    """A client of the API server."""
    async with asking(bed.kubeconfig) as api:
        yield api


async def _verdict(api: client.CustomObjectsApi, kind: str, spec: Any) -> str:
    """Empty when the server would create the object, else its words."""
    return await verdict(api, {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": "fuzz"}, "spec": spec})


async def _differences(api: client.CustomObjectsApi, kind: str, specs: list[Any]) -> tuple[int, list[Difference]]:
    """How many the server accepted, and where the types think otherwise."""
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def judge(spec: Any) -> Difference:
        async with gate:
            return Difference(kind, spec, await _verdict(api, kind, spec), refusals(KINDS[kind], spec))

    judged = await asyncio.gather(*map(judge, specs))
    return sum(not each.server for each in judged), [each for each in judged if bool(each.server) != bool(each.types)]


@pytest.mark.parametrize("kind", KINDS)
async def test_api_server_and_types_agree_on_every_mutated_spec(
    kind: str, custom_objects: client.CustomObjectsApi
) -> None:
    chance = random.Random(_SEED)
    schema = object_schema(KINDS[kind])["properties"]["spec"]
    specs = [*VALID[kind], *(mutated(chance.choice(VALID[kind]), schema, chance) for _ in range(_PER_KIND[kind]))]

    accepted, differences = await _differences(custom_objects, kind, specs)

    assert len(specs) // 20 < accepted < len(specs) // 2, "the mutations must leave some specs valid and break most"
    counted = {name: sum(map(explains, differences)) for name, explains in JUSTIFIED.items()}
    unexplained = [each for each in differences if not any(explains(each) for explains in JUSTIFIED.values())]
    print(f"{kind}: {len(specs)} specs, {accepted} accepted, justified differences {counted}")
    assert not unexplained, "\n".join(
        f"server: {each.server or 'accepted'}\ntypes: {each.types or 'accepted'}\nspec: {json.dumps(each.spec)}\n"
        for each in unexplained[:12]
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_both_accept_the_specs_that_the_mutations_start_from(
    kind: str, custom_objects: client.CustomObjectsApi
) -> None:
    for spec in VALID[kind]:
        assert await _verdict(custom_objects, kind, spec) == ""
        assert refusals(KINDS[kind], spec) == []
