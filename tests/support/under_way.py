"""A rollout under way while something is done to its operator, of which users must notice nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.support import objects
from tests.support.endpoint import Endpoint, at_least, at_stage, failed_by_route, serves, started, weights

RATE = 50.0


@dataclass(frozen=True)
class UnderWay:
    """A rollout whose second version has 30 % of the requests; and of each pod of both, by uid, when it started."""

    endpoint: Endpoint
    revisions: tuple[str, str]
    pods: dict[str, tuple[str, ...]]

    async def goes_on(self) -> None:
        """Wait until it has 60 %, from the same pods."""
        await self.endpoint.until(at_stage("at-60"))
        now = await started(self.endpoint, *self.revisions)
        assert self.pods.items() <= now.items(), "a pod that serves was started again"


@asynccontextmanager
async def under_way(endpoint: Endpoint, seconds: int) -> AsyncIterator[UnderWay]:
    """Version 1 of the endpoint serves, and version 2 gets its requests in stages of so many `seconds`. It has all of
    them in the end; on the way no weight falls, and no request is lost."""
    first = await endpoint.serve(1, strategy=objects.stages(30, 60, seconds=seconds))
    async with endpoint.load(RATE) as load:
        await at_least(load, 50)
        await endpoint.ask(2)
        found = await endpoint.until(at_stage("at-30"))
        stable, candidate = (arm["revision"] for arm in (first["status"]["stable"], found["status"]["candidate"]))
        yield UnderWay(endpoint, (stable, candidate), await started(endpoint, stable, candidate))
        done = await endpoint.until(lambda found: serves(found, 2))
        await at_least(load, 50)
    assert done["status"]["stable"]["revision"] == candidate
    assert failed_by_route(load.samples) == {}
    assert (given := _given_to(endpoint, candidate)) == sorted(given), "it went back on the way"


def _given_to(endpoint: Endpoint, revision: str) -> list[int]:
    """The weights that the endpoint's route gave to a revision, one after the other."""
    routes = [one for one in endpoint.recorder.of("HTTPRoute", objects.MODEL) if "rules" in one["spec"]]
    return [weights(route).get(revision, 0) for route in routes]
