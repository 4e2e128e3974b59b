"""Would catch a difference that Argo CD shows where nobody changed anything, or a health or an action that it reads
otherwise out of our scripts than we do. Its own code judges, as its controller would call it."""

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossfade.api.conditions import Reason
from crossfade.api.kinds import KINDS
from crossfade.api.meta import API_VERSION
from crossfade.decide.plan import Situation, Standing

from testbed.bed import Bed
from testbed.binaries.catalogue import ARGO_CD
from tests.cluster import test_adopted as adopted
from tests.cluster.conftest import StartOperator
from tests.cluster.crd_valid import VALID
from tests.support import objects
from tests.support.applied import WAYS, Git, Way
from tests.support.argo_cd import DIFFS, ArgoCD, configured
from tests.support.argo_lua import SCRIPTS
from tests.support.endpoint import Endpoint, at_rest, at_stage, rolled_back, serves
from tests.support.looks import health
from tests.support.programs import compiled
from tests.unit.gitops.test_argocd_health import WITH_STATUS, given

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

Object = dict[str, Any]

ADOPTED_ROUTES = Path(__file__).parents[2] / "docs" / "adopted-routes.md"


@pytest.fixture(scope="module")
def argo_cd(bed: Bed) -> Iterator[ArgoCD]:
    """Argo CD's code, with the ConfigMap as the documentation has it."""
    program, namespace = compiled(ARGO_CD), "argocd-oracle"
    bed.kubectl("create", "namespace", namespace)
    yield configured(bed, program, namespace)
    bed.kubectl("delete", "namespace", namespace, "--wait=false")


class Application:
    """What Argo CD would show of a folder of manifests."""

    def __init__(self, git: Git, argo_cd: ArgoCD) -> None:
        self.git, self.argo_cd = git, argo_cd

    async def is_synced(self, look: str, check: Callable[[Object], bool]) -> None:
        """The Rollout comes to be so, looks so, and nothing differs from Git by any way of comparing."""
        await self.git.endpoint.until(check)
        await asyncio.to_thread(self._is_synced, look)  # requests go on meanwhile

    def _is_synced(self, look: str) -> None:
        pairs = self.git.pairs()
        assert self.argo_cd.differences(pairs) == []
        said = zip(pairs, self.argo_cd.says(pairs), strict=True)
        assert {live["kind"]: one["health"]["status"] for (_, live), one in said}["Rollout"] == look


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
async def test_argo_cd_finds_no_difference_in_whole_rollouts(
    endpoint: Endpoint, start_operator: StartOperator, bed: Bed, tmp_path: Path, way: Way, argo_cd: ArgoCD
) -> None:
    """GitOps properties 3 and 16: of no kind, in no step of a promotion, a rollback, and one that takes over.

    Case E6.
    """
    start_operator(endpoint.namespace)
    git = Git(bed, tmp_path, endpoint, way)
    for kind in ("MetricTemplate", "ModelRegistry", "ModelSource"):
        metadata = {"name": kind.lower()}
        git.write(kind, {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": VALID[kind][0]})
    app = Application(git, argo_cd)
    git.asks(1)
    await app.is_synced("Healthy", lambda found: serves(found, 1))
    assert {target["kind"] for target, _ in git.pairs()} == set(KINDS)
    await endpoint.until_answered()
    async with endpoint.load(100.0):
        git.asks(2)
        await app.is_synced("Progressing", at_stage("at-10", proven=False))
        await app.is_synced("Healthy", lambda found: at_rest(found, 2))
        git.asks(3, behaviour={"loadSeconds": 3600}, serving=objects.serving(startup={"timeout": "4s"}))
        await app.is_synced("Degraded", rolled_back)
        git.asks(4)
        await app.is_synced("Progressing", at_stage("at-10", proven=False))
        git.asks(5)
        await app.is_synced("Healthy", lambda found: at_rest(found, 5))
    await endpoint.patch("Rollout", objects.MODEL, {"spec": {"suspend": True, "modelVersion": "by-hand"}})
    seen = [one.split(": ")[:2] for one in argo_cd.differences(git.pairs())]
    assert seen == [[diff, "Rollout/fraud"] for diff in DIFFS], "what somebody changed by hand is a difference"


async def test_the_weights_of_an_adopted_route_are_ignored_as_the_documentation_has_it(
    endpoint: Endpoint, start_operator: StartOperator, bed: Bed, argo_cd: ArgoCD
) -> None:
    """Case E6. GitOps property 4: in the middle of a rollout, and they are seen where nothing is ignored."""
    (expression,) = re.findall(r"`jqPathExpressions: \['(.*?)'\]`", ADOPTED_ROUTES.read_text())
    ignored = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "jqPathExpressions": [expression]}
    git = adopted.Git(bed, endpoint)
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    git.apply_as("argocd-controller", (1, 0))
    await endpoint.serve(1, traffic=adopted.ADOPTED, strategy={"stages": [adopted.HELD]})
    await endpoint.ask(2)
    await endpoint.until(at_stage("held", proven=False))
    (live,) = await endpoint.items("HTTPRoute")
    wanted = git.manifest((1, 0))
    wanted["metadata"]["namespace"] = endpoint.namespace
    assert len(argo_cd.differences([(wanted, live)])) == len(DIFFS)
    assert argo_cd.differences([(wanted, live)], [ignored]) == []


def test_argo_cd_reads_out_of_the_fixtures_what_its_own_tests_are_to_expect(argo_cd: ArgoCD) -> None:
    """GitOps property 16: health and offered actions, as its ConfigMap has the scripts."""
    for kind in KINDS:
        folder = SCRIPTS / kind
        told = yaml.safe_load((folder / "health_test.yaml").read_text())["tests"]
        found = [yaml.safe_load((folder / one["inputPath"]).read_text()) for one in told]
        assert [one["health"] for one in argo_cd.says((None, one) for one in found)] == [
            one["healthStatus"] for one in told
        ]
    folder = SCRIPTS / "Rollout" / "actions"
    told = yaml.safe_load((folder / "action_test.yaml").read_text())["discoveryTests"]
    found = [yaml.safe_load((folder / one["inputPath"]).read_text()) for one in told]
    assert [choices(one["actions"]) for one in argo_cd.says((None, one) for one in found)] == [
        choices(one["result"]) for one in told
    ]


def choices(actions: list[Object]) -> dict[str, bool]:
    """Whether a person can choose an action, by its name."""
    return {one["name"]: not one.get("disabled", False) for one in actions}


def test_every_status_looks_in_argo_cd_as_our_reading_of_the_scripts_says(argo_cd: ArgoCD) -> None:
    """GitOps properties 2 and 16: every kind, reason and standing, and objects that nobody has looked at."""
    every = [
        given(kind, Situation(standing, reason, "so it is"), observed=observed)
        for kind in WITH_STATUS
        for reason in Reason
        for standing in Standing
        for observed in (2, 3)
    ]
    said = argo_cd.says((None, one) for one in every)
    assert [one["health"] for one in said] == [health(one) for one in every]
