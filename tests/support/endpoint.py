"""One model endpoint on a real cluster, and what its users do to it: store models, ask for versions, send requests."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from crossfade.model.moments import moment

from testbed import gateway_api
from testbed.load import LoadGenerator, Sample
from testbed.load.verdict import Blame
from tests.support import objects
from tests.support.recorder import PATIENCE_SECONDS, Object, Recorder, collection
from tests.support.statuses import conditions

NAME = objects.MODEL
FAILING = b'{"inputs":[{"name":"input","shape":[1,1],"datatype":"FP64","data":[13]}]}'
"""A request on which a model with `failsWhen` at 13 raises."""
BODY = b'{"inputs":[{"name":"input","shape":[1,1],"datatype":"FP64","data":[0.5]}]}'
NOTICED_SECONDS = 3.0
"""So long after a pod that died is in no EndpointSlice any more a gateway may still send requests to it."""
REQUEST_SECONDS = 30.0
"""After which a request has no answer. One that a busy machine keeps back for seconds is none that a route lost."""
_PAUSE = 0.02


@dataclass(frozen=True)
class Gap:
    """From when to when (Unix s) there was nobody to answer some requests, because a test took pods away."""

    begun: float
    ended: float = math.inf

    def has(self, one: Sample) -> bool:
        """Whether the request was under way then."""
        sent = one.wall + one.lateness
        return sent <= self.ended and sent + one.latency >= self.begun


@dataclass
class Endpoint:
    """A namespace with a Rollout `fraud` and its ModelVersions `fraud-<n>`, reached by the host name `host`.

    `gateway` is the URL of the gateway that serves the Gateway `parent`.
    """

    http: httpx.AsyncClient
    namespace: str
    gateway: str
    files: Path
    recorder: Recorder
    parent: str = gateway_api.GATEWAY
    loads: list[tuple[str, LoadGenerator]] = field(default_factory=list)
    """All that was sent, and how: for the sum over all tests (tests/support/tally.py)."""
    gaps: list[Gap] = field(default_factory=list)
    """What that sum does not hold against the route."""

    def nobody_answers(self, begun: float, ended: float = math.inf) -> Gap:
        """From when to when a test has taken pods away: remembered for that sum."""
        self.gaps.append(Gap(begun, ended))
        return self.gaps[-1]

    @property
    def host(self) -> str:
        """The host name of its requests."""
        return f"{self.namespace}.test"

    async def create(self, manifest: Object) -> Object:
        """Create one object in the namespace."""
        answer = await self.http.post(collection(manifest["kind"], self.namespace), json=manifest)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def patch(self, kind: str, name: str, change: Object) -> Object:
        """Merge a change into one object."""
        url = f"{collection(kind, self.namespace)}/{name}"
        answer = await self.http.patch(url, json=change, headers={"Content-Type": "application/merge-patch+json"})
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def delete(self, kind: str, name: str) -> None:
        """Ask for the object's deletion."""
        answer = await self.http.delete(f"{collection(kind, self.namespace)}/{name}")
        assert answer.is_success, answer.text

    async def items(self, kind: str, selector: str = "") -> list[Object]:
        """All objects of a kind, now."""
        answer = await self.http.get(collection(kind, self.namespace), params={"labelSelector": selector})
        assert answer.is_success, answer.text
        return list(answer.json()["items"])

    async def model(self, number: int, **behaviour: Any) -> None:
        """Store version `number` of the model and register it as ModelVersion `fraud-<number>`."""
        version = f"{number}.0.0"
        address = objects.write_model(self.files / self.namespace / str(number), version, **behaviour)
        await self.create(objects.model_version(f"{NAME}-{number}", version, {"uri": {"uri": address}}))

    async def serve(self, number: int, *, within: float = PATIENCE_SECONDS, **changes: Any) -> Object:
        """Create the Rollout with a first version, and wait until the gateway answers with it.

        Traefik says of a new route that it is accepted up to a second before it serves it.
        """
        await self.create(objects.rollout(NAME, f"{NAME}-{number}", self.host, self.parent, **changes))
        found = await self.until(lambda found: serves(found, number), within)
        await self.until_answered()
        return found

    async def until_answered(self) -> None:
        """Wait until the gateway serves the route; one that is not there yet may refuse the connection, too."""
        refusal: str | None = "nothing"
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while (refusal := await self._refusal()) is not None:  # noqa: ASYNC110 - a gateway tells nobody when it serves
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            raise AssertionError(f"{self.gateway} does not serve {self.host}; it last said: {refusal}") from None

    async def _refusal(self) -> str | None:
        """What one request met in place of an answer of the model."""
        try:
            answer = await self.infer()
        except httpx.TransportError as failure:
            return f"{failure!r}, from {failure.__cause__!r}"
        return None if answer.is_success else f"{answer.status_code} {answer.text[:200]}"

    async def infer(self) -> httpx.Response:
        """One inference request through the gateway."""
        headers = {"host": self.host, "content-type": "application/json"}
        return await self.http.post(self.gateway + objects.INFER, content=BODY, headers=headers)

    async def ask(self, number: int) -> None:
        """Ask for another version."""
        await self.patch("Rollout", NAME, {"spec": {"modelVersion": f"{NAME}-{number}"}})

    async def until(
        self, check: Callable[[Object], bool], seconds: float = PATIENCE_SECONDS, after: Object | None = None
    ) -> Object:
        """Wait until the Rollout is as `check` wants it; see Recorder."""
        return await self.recorder.until("Rollout", NAME, check, seconds, after)

    async def until_served_by(self, revision: str, seconds: float = PATIENCE_SECONDS) -> Object:
        """Wait until the route gives every request to the revision."""
        return await self.recorder.until("HTTPRoute", NAME, lambda route: weights(route) == {revision: 100}, seconds)

    async def pods(self, revision: str) -> list[Object]:
        """The pods of a revision that are not on their way out."""
        found = await self.items("Pod", f"crossfade.dev/revision={revision}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    async def kill(self, pod: Object) -> float:
        """The pod dies without a word: no hook, no drain. Returns when no EndpointSlice listed it any more (Unix time);
        requests may fail until then, and for NOTICED_SECONDS more."""
        name = pod["metadata"]["name"]
        url = f"{collection('Pod', self.namespace)}/{name}"
        answer = await self.http.delete(url, params={"gracePeriodSeconds": "0"})
        assert answer.is_success, answer.text
        async with asyncio.timeout(PATIENCE_SECONDS):
            while name in await self._listed():
                pass
        return time.time()

    async def _listed(self) -> set[str]:
        """Names of the pods that Services of the namespace lead to."""
        ends = (end for one in await self.items("EndpointSlice") for end in one.get("endpoints") or ())
        return {(end.get("targetRef") or {}).get("name", "") for end in ends}

    def load(self, rate: float, *, keep: bool = True, body: bytes = BODY) -> LoadGenerator:
        """Inference requests through the gateway, `rate` per second, on kept connections or on new ones."""
        url = self.gateway + objects.INFER
        load = LoadGenerator(url, rate, [body], {"host": self.host}, timeout=REQUEST_SECONDS, keep=keep)
        return self.counted("kept connections" if keep else "new connections", load)

    def streams(self, rate: float) -> LoadGenerator:
        """Requests whose answers are streamed, by a model that behaves so for 5 s, `rate` per second."""
        url = self.gateway + objects.STREAM
        load = LoadGenerator(url, rate, [BODY], {"host": self.host}, timeout=REQUEST_SECONDS, ending=objects.STREAM_END)
        return self.counted("streams", load)

    def counted(self, how: str, load: LoadGenerator) -> LoadGenerator:
        """The same, remembered for the sum over all tests."""
        self.loads.append((how, load))
        return load


async def at_least(load: LoadGenerator, requests: int, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until that many more requests have been answered."""
    goal = len(load.samples) + requests
    await load.wait_until(lambda samples: len(samples) >= goal, seconds)


def weights(route: Object) -> dict[str, int]:
    """Weights by revision of a stored route."""
    return {one["name"]: one["weight"] for one in route["spec"]["rules"][0]["backendRefs"]}


def ready(found: Object) -> tuple[str, str]:
    """(status, reason) of Ready, for the present generation; empty before it was looked at."""
    one = conditions(found).get("Ready")
    current = found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"]
    return (one["status"], one["reason"]) if one and current else ("", "")


def serves(found: Object, number: int) -> bool:
    """Whether the Rollout has come to rest with this version."""
    stable = found.get("status", {}).get("stable") or {}
    return ready(found)[0] == "True" and stable.get("modelVersion") == f"{NAME}-{number}"


def at_rest(found: Object, number: int) -> bool:
    """Whether nothing is left to write for a Rollout that serves this version: nothing held, and the last word said."""
    said = f"{NAME}-{number} serves all requests"
    done = serves(found, number) and not found["metadata"].get("finalizers")
    return done and conditions(found)["Ready"]["message"] == said


def rolled_back(found: Object) -> bool:
    """Whether the last rollout was taken back."""
    return ready(found) == ("False", "RolledBack")


def at_stage(name: str, *, proven: bool = True) -> Callable[[Object], bool]:
    """Whether the rollout is in a stage, and its share proven."""

    def check(found: Object) -> bool:
        stage = found.get("status", {}).get("stage") or {}
        return bool(stage.get("name") == name and (not proven or "provenAt" in stage))

    return check


def sent_between(samples: Sequence[Sample], earlier: Object, later: Object) -> list[Sample]:
    """The requests that were sent from when one stage of a rollout was proven until another was: some were, for
    nothing else proves it."""
    begun, ended = (moment(found["status"]["stage"]["provenAt"]) for found in (earlier, later))
    return [one for one in samples if begun < one.wall + one.lateness < ended]


def answered_by(samples: Sequence[Sample], arm: str) -> list[Sample]:
    """The requests that one arm answered."""
    return [one for one in samples if one.arm == arm]


def answered_alone(arm: str, samples: Sequence[Sample]) -> bool:
    """Whether the last of them were all answered by the arm."""
    return {one.arm for one in samples[-20:]} == {arm}


def bad_answers(samples: Sequence[Sample], arm: str) -> tuple[list[Sample], float]:
    """Those of an arm, and the seconds from the first of them to the arm's last request. AssertionError without any."""
    found = answered_by(samples, arm)
    bad = [one for one in found if one.blame is not None]
    assert bad, f"{arm} answered nothing badly"
    return bad, max(one.wall for one in found) - min(one.wall for one in bad)


def failed_by_route(samples: Sequence[Sample]) -> dict[str, int]:
    """The requests that the route is to blame for: when (seconds since the first request), how, and how many.

    AssertionError when our own side could not send some: it knows nothing of the route then.
    """
    unsent = _told(samples, lambda one: one.blame is Blame.GENERATOR)
    assert unsent == {}, f"our own load, not the route, failed: {unsent}"
    return _told(samples, lambda one: one.blame is Blame.ROUTE)


def failed_by_model(samples: Sequence[Sample]) -> dict[str, int]:
    """The same of the requests that a model is to blame for."""
    return _told(samples, lambda one: one.blame is Blame.MODEL)


def _told(samples: Sequence[Sample], chosen: Callable[[Sample], bool]) -> dict[str, int]:
    start = samples[0].wall
    found = filter(chosen, samples)
    return dict(Counter(f"{one.wall - start:.0f} s: {one.error or one.status} by {one.arm}" for one in found))


async def started(endpoint: Endpoint, *revisions: str) -> dict[str, tuple[str, ...]]:
    """Of each ready pod of these revisions, by uid: when it and each of its containers started, restarts included.

    A pod that has loaded its model once has the same all its life.
    """
    return _starts([pod for revision in revisions for pod in await endpoint.pods(revision)])


def started_before(endpoint: Endpoint, revision: str, at: int) -> dict[str, tuple[str, ...]]:
    """The same of one revision when the API server had come to version `at`, which rises over all kinds."""
    newest: dict[str, Object] = {}
    for one in endpoint.recorder.history:
        about = one["metadata"]
        ours = one["kind"] == "Pod" and about.get("labels", {}).get("crossfade.dev/revision") == revision
        if ours and int(about["resourceVersion"]) < at:
            newest[about["name"]] = one
    return _starts(newest.values())


def _starts(pods: Iterable[Object]) -> dict[str, tuple[str, ...]]:
    found = dict[str, tuple[str, ...]]()
    for pod in pods:
        status = pod["status"]
        if any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", ())):
            begun = (str(one["state"]["running"]["startedAt"]) for one in status["containerStatuses"])
            restarts = (str(one["restartCount"]) for one in status["containerStatuses"])
            found[pod["metadata"]["uid"]] = (status["startTime"], *begun, *restarts)
    return found


async def settled(endpoint: Endpoint, revision: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until every other revision has been removed."""
    for deployment in await endpoint.items("Deployment"):
        if deployment["metadata"]["name"] != revision:
            await endpoint.recorder.until_gone("Deployment", deployment["metadata"]["name"], seconds)
