"""Catches a pod that reads a volume and stays, speaks in another's name, hangs for ever, or is one of too many."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from crossfade.api.v1alpha1.facts import Facts
from crossfade.decide.measuring import measuring_pod
from crossfade.model.reading import Reading
from crossfade.model.volume import Subject
from crossfade.observe.handover import packed
from crossfade.ports import ClusterError, Kind, Object, SourceError
from crossfade.watch.measurer import Measurer

from tests.unit.fakes.clock import FakeClock
from tests.unit.fakes.cluster import FakeCluster
from tests.unit.fakes.loop import Loop
from tests.unit.fakes.objects import version

URI = "pvc://models/fraud/7"
SUBJECT = Subject("ml", "fraud-7", "u-1")
READING = Reading(
    "sha256:" + "0" * 64,
    1,
    2,
    Facts.model_validate({"serialization": {"origin": "Artifact", "formats": ["ONNX"], "pickle": "None"}}),
)
PENDING: Object = {"phase": "Pending"}
RUNS: Object = {"phase": "Running", "containerStatuses": [{"name": "measure", "state": {"running": {}}}]}
INITIALIZING = {"name": "measure", "state": {"waiting": {"reason": "PodInitializing"}}}
MISSING = 'persistentvolumeclaim "models" not found'
NOWHERE: Object = {
    "phase": "Pending",
    "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": MISSING}],
}


def ended(message: str = "", code: int = 0, **more: Any) -> Object:
    told = {"exitCode": code, "message": message, **more}
    return {"phase": "Failed", "containerStatuses": [{"name": "measure", "state": {"terminated": told}}]}


class Pods(FakeCluster):
    """Each pod that is made goes through these states, one a look, and stays in the last; each has a uid of its own."""

    def __init__(self, *states: Object) -> None:
        super().__init__()
        self.states: Sequence[Object] = states
        self.made = 0
        self.most = 0
        self.meddle: Callable[[Object], None] = lambda pod: None
        self._looks: dict[str, int] = {}

    async def make(self, kind: Kind, body: Object) -> Object:
        await super().make(kind, body)
        self.made += 1
        place = (kind.kind, body["metadata"]["namespace"], body["metadata"]["name"])
        self.objects[place]["metadata"]["uid"] = f"pod-{self.made}"
        self.most = max(self.most, len(self.objects))
        return await super().get(kind, *place[1:])

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        found = await super().get(kind, namespace, name)
        look = self._looks[name] = self._looks.get(name, -1) + 1
        found["status"] = self.states[min(look, len(self.states) - 1)]
        self.meddle(found)
        return found


async def read(pods: Pods, said: list[str] | None = None, *, start: float = 5.0) -> Reading:
    told = [] if said is None else said
    async with asyncio.timeout(60):
        return await Measurer(pods, "crossfade:1", 0.001, start).read(SUBJECT, URI, told.append)


async def failure(pods: Pods, *, start: float = 5.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await read(pods, start=start)
    return caught.value


async def test_a_reading_is_the_pods_last_words_and_the_pod_goes() -> None:
    pods, said = Pods(PENDING, RUNS, ended(packed(READING))), list[str]()
    assert await read(pods, said) == READING
    assert (pods.objects, said) == ({}, [])
    assert pods.writes == [
        ("make", "Pod", measuring_pod(SUBJECT, URI, "crossfade:1")["metadata"]["name"]),
        ("delete", "Pod", measuring_pod(SUBJECT, URI, "crossfade:1")["metadata"]["name"]),
    ]


async def test_what_lasts_is_said_while_it_lasts() -> None:
    pods, said = Pods(*[PENDING] * 5, *[NOWHERE] * 3, RUNS, ended(packed(READING))), list[str]()
    await read(pods, said)
    name = pods.writes[0][2]
    assert said == [
        f"pod {name} waits for its image and the volume",
        f"pod {name} finds no node: {MISSING}",
        "",
    ]


@pytest.mark.parametrize(
    ("state", "sentence", "retry"),
    [
        (ended("nothing is there", 1), "nothing is there", True),
        (ended("'x' is a symlink", 3), "'x' is a symlink", False),
        (ended("  two\n lines ", 1), "two lines", True),
        (ended("", 2), "ended with exit status 2 and no word why", True),
        (ended("", 137, reason="OOMKilled"), "needed more memory than its limit", True),
        ({**ended("", 143), "reason": "DeadlineExceeded"}, "did not read the volume within 3900 s", True),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "The node was low"},
            "before its time: The node was",
            True,
        ),
        (
            {**ended("", 137), "reason": "Evicted", "message": "The node was low on memory"},
            "before its time: The node was low on memory",
            True,
        ),
        (ended("ready"), "left no result; is its image the operator's own?", True),
    ],
)
async def test_a_pod_that_fails_says_why(state: Object, sentence: str, *, retry: bool) -> None:
    pods = Pods(PENDING, state)
    found = await failure(pods)
    assert sentence in str(found)
    assert (found.retry, pods.objects) == (retry, {})


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (NOWHERE, f"finds no node: {MISSING}"),
        (PENDING, "waits for its image and the volume"),
        (
            {
                "containerStatuses": [
                    {"name": "measure", "image": "c:1", "state": {"waiting": {"reason": "ErrImagePull"}}}
                ]
            },
            "does not get the image c:1",
        ),
        (
            {
                "containerStatuses": [
                    {
                        "name": "measure",
                        "state": {"waiting": {"reason": "CreateContainerConfigError", "message": "root"}},
                    }
                ]
            },
            "cannot run: CreateContainerConfigError: root",
        ),
    ],
)
async def test_a_pod_that_does_not_start_is_given_its_time_and_its_reason_is_told(state: Object, why: str) -> None:
    pods = Pods(state)
    found = await failure(pods, start=0.05)
    assert f"the claim models could not be read within 0 s: pod {pods.writes[0][2]} {why}" in str(found)
    assert f"`kubectl get events --field-selector involvedObject.name={pods.writes[0][2]}`" in str(found)
    assert (found.retry, pods.objects) == (True, {})


async def test_a_pod_that_finds_no_node_leaves_its_place_sooner_than_one_whose_volume_is_slow() -> None:
    found = await failure(Pods(NOWHERE), start=1.0)
    assert "could not be read within 0 s" in str(found), "a fifth of the time"
    slow = Pods(*[{**PENDING, "containerStatuses": [INITIALIZING]}] * 20, RUNS, ended(packed(READING)))
    assert await read(slow, start=60.0) == READING


def _other_image(pod: Object) -> None:
    pod["spec"]["containers"][0]["image"] = "forger:1"


def _beside(pod: Object) -> None:
    pod["spec"]["ephemeralContainers"] = [{"name": "forger"}]


def _again(pod: Object) -> None:
    for one in pod["status"].get("containerStatuses", ()):
        one["restartCount"] = 1


def _another(pod: Object) -> None:
    pod["metadata"]["uid"] = "forged"


@pytest.mark.parametrize("meddle", [_other_image, _beside, _again, _another])
async def test_words_of_a_pod_that_was_meddled_with_count_for_nothing(meddle: Callable[[Object], None]) -> None:
    pods = Pods(ended(packed(READING)))
    pods.meddle = meddle
    assert "its words count for nothing" in str(await failure(pods))


async def test_a_pod_that_an_operator_of_before_left_is_made_anew_and_one_of_others_is_left_alone() -> None:
    pods = Pods(ended(packed(READING)))
    left = measuring_pod(SUBJECT, URI, "crossfade:0")
    pods.create({"apiVersion": "v1", "kind": "Pod", **left})
    assert await read(pods) == READING
    assert [verb for verb, *_ in pods.writes] == ["delete", "make", "delete"]

    stranger = {**left["metadata"], "ownerReferences": []}
    pods.create({"apiVersion": "v1", "kind": "Pod", "metadata": stranger, "spec": left["spec"]})
    assert "that Crossfade has not made; delete it" in str(await failure(pods))
    assert ("Pod", "ml", stranger["name"]) in pods.objects


async def test_a_pod_that_took_the_place_of_ours_is_left_alone() -> None:
    pods = Pods(ended(packed(READING)))

    def replace(pod: Object) -> None:
        for one in (pod, *pods.objects.values()):
            one["metadata"]["uid"] = "of-another-operator"

    pods.meddle = replace
    assert "its words count for nothing" in str(await failure(pods))
    assert [one["metadata"]["uid"] for one in pods.objects.values()] == ["of-another-operator"]


async def test_a_pod_that_is_to_go_is_not_waited_for() -> None:
    """As one on a node that was lost, which runs by its status until the node is back."""
    pods = Pods(RUNS)
    pods.meddle = lambda pod: pod["metadata"].update(deletionTimestamp="2026-01-01T00:00:00Z")
    assert "somebody deleted the pod" in str(await failure(pods))
    pods.states = (ended(packed(READING)),)
    assert await read(pods) == READING, "it has said all that it was to say"


async def test_a_pod_that_cannot_be_removed_at_once_goes_none_the_less() -> None:
    pods, refusals = Pods(ended(packed(READING))), iter([True, True, False])
    pods.refuse = lambda verb, kind, name: verb == "delete" and next(refusals)
    assert await read(pods) == READING
    assert pods.objects == {}


async def test_a_pod_that_never_can_be_removed_keeps_nobody_waiting() -> None:
    pods = Pods(ended(packed(READING)))
    pods.refuse = lambda verb, kind, name: verb == "delete"
    assert await read(pods) == READING
    assert len(pods.objects) == 1


async def test_a_pod_that_others_delete_or_the_api_server_refuses_is_said_to_be() -> None:
    pods = Pods(RUNS)

    def gone(pod: Object) -> None:
        pods.objects.clear()

    pods.meddle = gone
    assert "somebody deleted the pod" in str(await failure(pods))
    pods.refuse = lambda verb, kind, name: verb == "make"
    assert "which is to read the volume, cannot be made: make of fraud-7-measure-" in str(await failure(pods))


async def test_an_api_server_that_is_away_for_a_moment_ends_nothing() -> None:
    pods, away = Pods(RUNS, ended(packed(READING))), [3]

    def unreachable(pod: Object) -> None:
        away[0] -= 1
        if away[0] > 0:
            raise ClusterError("the API server cannot be reached")

    pods.meddle = unreachable
    assert await read(pods) == READING


async def test_nobody_waits_any_more_and_the_pod_goes() -> None:
    pods, looked = Pods(RUNS), asyncio.Event()
    pods.meddle = lambda _: looked.set()
    task = asyncio.create_task(read(pods))
    await looked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pods.objects == {}


async def test_two_of_a_namespace_and_eight_of_all_read_at_once() -> None:
    pods = Pods(RUNS)
    measurer = Measurer(pods, "crossfade:1", 0.001)
    subjects = [Subject(f"ns-{number // 12}", f"m-{number}", f"u-{number}") for number in range(60)]
    tasks = [asyncio.create_task(measurer.read(one, URI, lambda _: None)) for one in subjects]
    for _ in range(200):
        await asyncio.sleep(0)
    assert pods.most == 8
    assert max(sum(1 for place in pods.objects if place[1] == f"ns-{n}") for n in range(5)) == 2
    pods.states = (ended(packed(READING)),)
    assert await asyncio.gather(*tasks) == [READING] * 60
    assert (pods.most, pods.objects) == (8, {})


async def resolved(pods: Pods, **spec: Any) -> dict[str, Any]:
    """The status of a ModelVersion on a volume once an operator that is started now has nothing left to do."""
    if ("ModelVersion", "ml", "v1") not in pods.objects:
        pods.create(version(source={"volume": {"claimName": "models", "path": "fraud/7"}}, **spec))
    loop = Loop(pods, FakeClock(), volumes=Measurer(pods, "crossfade:1", 0.001))
    async with asyncio.timeout(60):
        await loop.settle()
    await loop.resolver.close()
    return dict(pods.objects["ModelVersion", "ml", "v1"]["status"])


async def test_what_a_pod_found_is_recorded_and_no_pod_reads_it_again_after_a_restart() -> None:
    pods = Pods(RUNS, ended(packed(READING)))
    for _ in range(2):
        status = await resolved(pods)
        assert status["resolved"]["digest"] == READING.digest
        assert status["resolved"]["immutableUri"] == URI
    assert pods.made == 1


async def test_pickles_that_a_pod_found_are_refused_by_the_policy_of_the_model_version() -> None:
    stored = {"origin": "Artifact", "pickle": "Unsafe", "suspects": {"m.pkl": "would import os.system"}}
    evil = Reading(READING.digest, 1, 2, Facts.model_validate({"serialization": stored}))
    status = await resolved(Pods(ended(packed(evil))), policy={"pickle": "KnownOnly"})
    assert "resolved" not in status
    assert {one["reason"] for one in status["conditions"] if one["type"] == "Ready"} == {"PickleRefused"}
