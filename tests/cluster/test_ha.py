"""Catches replicas that both write, one that takes over late, and one that fails a request or writes what is stale."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from crossfade.watch.election import LEASE_SECONDS, WRITE_SECONDS

from testbed.bed import Bed
from tests.support import objects
from tests.support.audit import Write, writes
from tests.support.endpoint import Endpoint, at_stage, failed_by_route, serves, settled
from tests.support.gateways import on_both_gateways_at_length
from tests.support.operator_process import ACCOUNT, Installation, OperatorProcess
from tests.support.recorder import Object

pytestmark = pytest.mark.cluster

RATE = 100.0
LEASE = "crossfade-system/crossfade"
LEADING = "crossfade_leading"
LATEST_SECONDS = 30.0
STAGES = objects.stages(10, 30, 50, seconds=4)


@dataclass
class Replicas:
    """Two operators, each with a token of its own, so that the audit log tells them apart."""

    first: OperatorProcess
    second: OperatorProcess

    def leader(self) -> OperatorProcess | None:
        """The one that says that it leads."""
        found = [one for one in (self.first, self.second) if one.process and one.metric(LEADING)]
        assert len(found) < 2
        return found[0] if found else None


@contextmanager
def replicas(installation: Installation, namespace: str, folder: Path) -> Iterator[Replicas]:
    """Both ready, the first one leading."""
    bed = installation.bed
    with ExitStack() as running:

        def start(name: str) -> OperatorProcess:
            config = bed.service_account_kubeconfig("crossfade-system", "crossfade", folder / f"{name}.kubeconfig")
            own = replace(installation, kubeconfig=config)
            log, lease = folder / f"{name}.log", {"CROSSFADE_LEASE": LEASE}
            return running.enter_context(OperatorProcess(own, log, [namespace], environment=lease))

        first = start("first")
        takes_over(first, 2 * LATEST_SECONDS)
        yield Replicas(first, start("second"))


def takes_over(operator: OperatorProcess, seconds: float) -> float:
    """Wait until it leads; the seconds that it took."""
    begun = time.monotonic()
    while not operator.metric(LEADING):
        assert time.monotonic() - begun < seconds, f"it does not lead:\n{operator.tail()}"
        time.sleep(0.05)
    return time.monotonic() - begun


def made(bed: Bed, namespace: str) -> list[Write]:
    """What operators wrote in the namespace, and was taken."""
    return [one for one in writes(bed.audit, ACCOUNT, namespace) if one.code < 300]


def versions(found: Iterable[Object], part: Callable[[Object], object]) -> int:
    """How many different states followed one another."""
    states = [part(one) for one in found]
    return sum(state != before for state, before in zip(states, [None, *states], strict=False) if state)


def written_twice(endpoint: Endpoint, bed: Bed) -> dict[str, int]:
    """By object, how many writes changed nothing, for it was written already."""
    found = dict[str, int]()
    ours = made(bed, endpoint.namespace)
    for resource, kind in (("httproutes", "HTTPRoute"), ("deployments", "Deployment")):
        for name in {one.name for one in ours if one.resource == resource}:
            applied = sum((one.resource, one.name, one.verb) == (resource, name, "patch") for one in ours)
            states = versions(endpoint.recorder.of(kind, name), lambda one: one["metadata"]["generation"])
            found[f"{kind} {name}"] = applied - states
    statuses = sum(one.resource == "rollouts/status" for one in ours)
    found["status"] = statuses - versions(endpoint.recorder.of("Rollout", objects.MODEL), lambda one: one.get("status"))
    return {what: number for what, number in found.items() if number > 0}


@pytest.fixture
async def both(endpoint: Endpoint, installation: Installation, tmp_path: Path) -> AsyncIterator[Replicas]:
    """The first one leads, version 1 serves, version 2 can be asked for."""
    with replicas(installation, endpoint.namespace, tmp_path) as found:
        await endpoint.model(1)
        await endpoint.model(2)
        await endpoint.serve(1, strategy=STAGES)
        yield found


async def promoted(endpoint: Endpoint) -> Object:
    """Wait until version 2 serves, and nothing is left of version 1."""
    done = await endpoint.until(lambda found: serves(found, 2))
    await settled(endpoint, done["status"]["stable"]["revision"])
    return done


async def delete_lease(endpoint: Endpoint) -> None:
    """As a person may."""
    namespace, name = LEASE.split("/")
    answer = await endpoint.http.delete(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}")
    assert answer.is_success, answer.text


async def other_than(both: Replicas, was: OperatorProcess | None, seconds: float) -> OperatorProcess | None:
    """Wait until not this one leads; who does then, None for nobody. AssertionError as soon as two do."""
    begun = time.monotonic()
    while (found := await asyncio.to_thread(both.leader)) is was:
        assert time.monotonic() - begun < seconds, "nobody leads" if was is None else "it still leads"
    return found


@on_both_gateways_at_length
async def test_one_that_is_killed_in_a_rollout_is_followed_and_nothing_is_written_twice(
    endpoint: Endpoint, both: Replicas, bed: Bed
) -> None:
    """Case F2."""
    assert both.second.metric("crossfade_reconciles_total") == 0
    async with endpoint.load(RATE) as load:
        await endpoint.ask(2)
        await endpoint.until(at_stage("at-10"))
        both.first.kill()
        seconds = await asyncio.to_thread(takes_over, both.second, LATEST_SECONDS)
        done = await promoted(endpoint)
    assert failed_by_route(load.samples) == {}
    assert done["status"]["outcome"]["result"] == "Promoted"
    assert written_twice(endpoint, bed) == {}
    print(f"the next one led {seconds:.1f} s after the kill; {len(load.samples)} requests")


@pytest.mark.slow
async def test_one_that_was_stopped_for_longer_than_its_lease_writes_nothing_stale(
    endpoint: Endpoint, both: Replicas, bed: Bed
) -> None:
    """Case F2."""
    async with endpoint.load(RATE) as load:
        await endpoint.ask(2)
        await endpoint.until(at_stage("at-10", proven=False))
        both.first.pause()
        seconds = await asyncio.to_thread(takes_over, both.second, LATEST_SECONDS)
        await endpoint.until(at_stage("at-50"))
        both.first.resume()
        await promoted(endpoint)
        assert both.leader() is both.second
    assert failed_by_route(load.samples) == {}
    assert written_twice(endpoint, bed) == {}
    authors = [one.credential for one in made(bed, endpoint.namespace)]
    assert len(set(authors)) == 2
    assert authors == sorted(authors, key=authors.index), "both wrote by turns"
    assert seconds > LEASE_SECONDS - 2
    print(f"the next one led {seconds:.1f} s after the stop; {len(load.samples)} requests")


@pytest.mark.slow
async def test_one_that_is_told_to_end_is_followed_at_once(endpoint: Endpoint, both: Replicas, bed: Bed) -> None:
    begun = time.monotonic()
    both.first.stop()
    ended = time.monotonic()
    await asyncio.to_thread(takes_over, both.second, LEASE_SECONDS / 2)  # and not when the lease is over
    led = time.monotonic()
    print(f"it ended within {ended - begun:.1f} s, the next one led {led - begun:.1f} s after the word")
    async with endpoint.load(RATE) as load:
        await endpoint.ask(2)
        await endpoint.until(lambda found: serves(found, 2))
    assert failed_by_route(load.samples) == {}
    assert written_twice(endpoint, bed) == {}


@pytest.mark.slow
async def test_when_the_lease_is_deleted_nobody_writes_until_one_has_taken_the_next(
    endpoint: Endpoint, both: Replicas, bed: Bed
) -> None:
    """Case F2."""
    async with endpoint.load(RATE) as load:
        await endpoint.ask(2)
        await endpoint.until(at_stage("at-10"))
        deleted = time.time()
        await delete_lease(endpoint)
        assert await other_than(both, both.first, LEASE_SECONDS) is None
        stopped = time.time() - deleted
        await other_than(both, None, LATEST_SECONDS)
        led = time.time() - deleted
        await promoted(endpoint)
    assert failed_by_route(load.samples) == {}
    assert written_twice(endpoint, bed) == {}
    written = made(bed, endpoint.namespace)
    assert not [one for one in written if WRITE_SECONDS < one.at - deleted < LEASE_SECONDS]
    assert len({one.credential for one in written if one.at - deleted > LEASE_SECONDS}) == 1
    print(f"the leader stopped {stopped:.1f} s after the deletion, the next one led after {led:.1f} s")


@pytest.mark.slow
async def test_one_that_wakes_when_its_lease_is_deleted_does_not_make_it_anew_in_its_name(
    endpoint: Endpoint, both: Replicas
) -> None:
    """tests/contract/test_kube_lease.py shows in a second why: its renewal is refused."""
    both.first.pause()
    await asyncio.to_thread(takes_over, both.second, LATEST_SECONDS)
    await delete_lease(endpoint)
    both.first.resume()
    assert await other_than(both, both.second, LEASE_SECONDS) is None
    await other_than(both, None, LATEST_SECONDS)
