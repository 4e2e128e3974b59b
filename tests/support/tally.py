"""How many requests all tests with a Rollout sent through it, how, and which of them the route failed.

Each session of pytest writes its sum down; `python -m tests.support.tally test` adds them up after all that `make test`
runs (or `test-long`), and fails when there were too few requests of some way, the route failed one, or our own side
could not send one.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from testbed.load import LoadGenerator
from testbed.load.verdict import Blame
from tests.support.endpoint import Gap
from tests.support.gateways import ENVOY, PARENTS, TRAEFIK

LEAST = 50_000
"""Requests of a whole run: fewer would show nothing."""
LEAST_OF_EACH = 12_000
"""Of these through each gateway: many through one show nothing of the other."""
_LONG = {
    "kept connections": 10_000,
    "new connections": 1_000,
    "streams": 120,
    "gRPC calls": 2_000,
    "gRPC calls on new connections": 500,
    "gRPC streams": 120,
    "a cohort": 350,
    "a cohort's gRPC calls": 50,
}
_SERVICE = {"kept connections": 350, "new connections": 1_500}
LEAST_OF_WAYS: dict[str, dict[str, dict[str, int]]] = {
    "test": {
        TRAEFIK: {"kept connections": 20_000, "new connections": 1_500, "streams": 80, "a cohort": 350},
        ENVOY: {
            "kept connections": 3_500,
            "gRPC calls": 1_300,
            "gRPC calls on new connections": 325,
            "gRPC streams": 65,
            "a cohort": 380,
        },
        "without a gateway": _SERVICE,
    },
    "test-long": {TRAEFIK: _LONG, ENVOY: _LONG, "without a gateway": _SERVICE},
}
"""Of these in each way, for each target of make that sends them so: half of the fewest that it was seen to send, for
tests end earlier on a quicker machine. Of `test-long` the rates of its tests and how long they took say how many."""
MAY_LOSE = {
    # kept connections to a pod behind a Service, which closes them when it ends: one for each pod
    "test_a_bad_version_goes_at_once_and_no_request_fails_by_the_service": 2,
    "test_a_good_version_is_promoted_pod_by_pod_and_no_request_fails": 4,
    "test_back_to_the_version_before_is_one_write_when_all_its_pods_are_there": 6,
}
"""How many requests the tests whose pods end under kept connections may lose by that, in all runs."""
_FOLDER = Path(".tally")


class Tally:
    """Sums by gateway and way of sending. A test that takes answering pods away on purpose is named by what it lost."""

    def __init__(self) -> None:
        self._sent: dict[str, Counter[str]] = {}
        self._failed: dict[str, Counter[str]] = {}
        self._excused: dict[str, Counter[str]] = {}
        self._unsent: dict[str, Counter[str]] = {}

    def add(
        self, gateway: str, test: str, loads: Sequence[tuple[str, LoadGenerator]], gaps: Sequence[Gap] = ()
    ) -> None:
        """One more test's, and when there was nobody to answer, because of the test."""
        sent, failed, excused, unsent = (counts.setdefault(gateway, Counter()) for counts in self._counts().values())
        for how, load in loads:
            blames = Counter(one.blame for one in load.samples)
            sent[how] += blames.total() - blames[Blame.GENERATOR]
            lost = Counter(any(gap.has(one) for gap in gaps) for one in load.samples if one.blame is Blame.ROUTE)
            failed[test] += lost[False]
            excused[test] += lost[True]
            unsent[test] += blames[Blame.GENERATOR]

    def _counts(self) -> dict[str, dict[str, Counter[str]]]:
        """What is written down, by its name there."""
        return {"sent": self._sent, "failed": self._failed, "excused": self._excused, "unsent": self._unsent}

    def lines(self) -> Iterator[str]:
        """For people, one a gateway, and one a test that lost something."""
        for gateway, sent in sorted(self._sent.items()):
            ways = ", ".join(f"{how} {count:,}" for how, count in sorted(sent.items()) if count)
            failed = +self._failed[gateway]
            told = f"{sent.total():,} requests through rollouts, {failed.total():,} failed by the route"
            yield f"{gateway}: {told} ({ways})"
            yield from (f"  {count:,} of them in {test}" for test, count in sorted(failed.items()))
            excused = +self._excused[gateway]
            yield from (f"  {n:,} more while {test} had nobody to answer" for test, n in sorted(excused.items()))

    def write(self) -> None:
        """Write it down for the sum of all sessions."""
        if any(counts.total() for counts in (*self._sent.values(), *self._unsent.values())):
            _FOLDER.mkdir(exist_ok=True)
            (_FOLDER / f"{os.getpid()}.json").write_text(json.dumps(self._counts()))

    @classmethod
    def of_all(cls) -> Self:
        """The sum of what all sessions wrote."""
        whole = cls()
        for file in sorted(_FOLDER.glob("*.json")):
            found = json.loads(file.read_text())
            for what, mine in whole._counts().items():
                for gateway, counts in found[what].items():
                    mine.setdefault(gateway, Counter()).update(counts)
        return whole

    def objections(self, run: str) -> Iterator[str]:
        """What speaks against the sum, which is that of this target of make."""
        yield from self._too_few(run)
        for gateway, failed in sorted(self._failed.items()):
            for test, lost in sorted((+failed).items()):
                most = MAY_LOSE.get(test.partition("[")[0], 0)
                if lost > most:
                    allowed = f", which may lose {most}" if most else ""
                    yield f"{gateway}: the route failed {lost:,} in {test}{allowed}"
        for gateway, unsent in sorted(self._unsent.items()):
            own = f"{gateway}: our own load, not the route, failed"
            yield from (f"{own} {n:,} in {test}" for test, n in sorted((+unsent).items()))

    def _too_few(self, run: str) -> Iterator[str]:
        sent = sum(one.total() for one in self._sent.values())
        if sent < LEAST:
            yield f"{sent:,} requests are fewer than {LEAST:,}: they show nothing"
        for gateway in PARENTS:
            if (through := self._sent.get(gateway, Counter()).total()) < LEAST_OF_EACH:
                few = f"{through:,} requests through {gateway} are fewer than {LEAST_OF_EACH:,}"
                yield f"{few}: they show nothing of it"
        for gateway, ways in LEAST_OF_WAYS[run].items():
            for how, least in ways.items():
                if (through := self._sent.get(gateway, Counter())[how]) < least:
                    few = f"{through:,} requests by {how} are fewer than {least:,}"
                    yield f"{gateway}: {few}: they show nothing of these"


if __name__ == "__main__":
    everything = Tally.of_all()
    print("all parts together:", *everything.lines(), sep="\n")
    sys.exit("\n".join(everything.objections(sys.argv[1])) or 0)
