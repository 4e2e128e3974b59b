"""How many requests all tests with a Rollout sent through it, how, and which of them the route failed.

Each session of pytest writes its sum down; `python -m tests.support.tally` adds them up after all of them, and fails
when there were too few requests, the route failed one, or our own side could not send one.
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
from tests.support.gateways import PARENTS

LEAST = 50_000
"""Requests of a whole run: fewer would show nothing."""
LEAST_OF_EACH = 15_000
"""Of these through each gateway: many through one show nothing of the other."""
TAKES_PODS_AWAY = frozenset(
    (
        "test_a_bad_version_goes_at_once_and_no_request_fails_by_the_service",
        "test_a_candidate_that_is_no_longer_ready_under_traffic_is_left",
        "test_a_good_version_is_promoted_pod_by_pod_and_no_request_fails",
        "test_back_to_the_version_before_is_one_write_when_all_its_pods_are_there",
        "test_under_delete_all_goes_with_it_and_until_then_everybody_is_answered",
        "test_weight_follows_a_pod_that_dies_and_comes_back_with_it",
        "test_while_stable_could_not_take_everything_back_nothing_goes_forward",
    )
)
"""Tests that take pods away under their requests, which fail by that and not by a rollout; and those without a gateway,
where a pod that ends closes connections that clients keep."""
_FOLDER = Path(".tally")


class Tally:
    """Sums by gateway and way of sending. A test that takes answering pods away on purpose is named by what it lost."""

    def __init__(self) -> None:
        self._sent: dict[str, Counter[str]] = {}
        self._failed: dict[str, Counter[str]] = {}
        self._unsent: dict[str, Counter[str]] = {}

    def add(self, gateway: str, test: str, loads: Sequence[tuple[str, LoadGenerator]]) -> None:
        """One more test's."""
        sent, failed, unsent = (
            counts.setdefault(gateway, Counter()) for counts in (self._sent, self._failed, self._unsent)
        )
        for how, load in loads:
            blames = Counter(one.blame for one in load.samples)
            sent[how] += blames.total() - blames[Blame.GENERATOR]
            failed[test] += blames[Blame.ROUTE]
            unsent[test] += blames[Blame.GENERATOR]

    def lines(self) -> Iterator[str]:
        """For people, one a gateway, and one a test that lost something."""
        for gateway, sent in sorted(self._sent.items()):
            ways = ", ".join(f"{how} {count:,}" for how, count in sorted(sent.items()) if count)
            failed = +self._failed[gateway]
            told = f"{sent.total():,} requests through rollouts, {failed.total():,} failed by the route"
            yield f"{gateway}: {told} ({ways})"
            yield from (f"  {count:,} of them in {test}" for test, count in sorted(failed.items()))

    def write(self) -> None:
        """Write it down for the sum of all sessions."""
        if any(sent.total() for sent in self._sent.values()):
            _FOLDER.mkdir(exist_ok=True)
            content = json.dumps({"sent": self._sent, "failed": self._failed, "unsent": self._unsent})
            (_FOLDER / f"{os.getpid()}.json").write_text(content)

    @classmethod
    def of_all(cls) -> Self:
        """The sum of what all sessions wrote."""
        whole = cls()
        for file in sorted(_FOLDER.glob("*.json")):
            found = json.loads(file.read_text())
            for what, mine in (("sent", whole._sent), ("failed", whole._failed), ("unsent", whole._unsent)):
                for gateway, counts in found[what].items():
                    mine.setdefault(gateway, Counter()).update(counts)
        return whole

    def objections(self) -> Iterator[str]:
        """What speaks against the sum."""
        sent = sum(one.total() for one in self._sent.values())
        if sent < LEAST:
            yield f"{sent:,} requests are fewer than {LEAST:,}: they show nothing"
        for gateway in PARENTS:
            if (through := self._sent.get(gateway, Counter()).total()) < LEAST_OF_EACH:
                few = f"{through:,} requests through {gateway} are fewer than {LEAST_OF_EACH:,}"
                yield f"{few}: they show nothing of it"
        for gateway, failed in sorted(self._failed.items()):
            lost = {test: n for test, n in failed.items() if n and test.partition("[")[0] not in TAKES_PODS_AWAY}
            yield from (f"{gateway}: the route failed {n:,} in {test}" for test, n in sorted(lost.items()))
        for gateway, unsent in sorted(self._unsent.items()):
            own = f"{gateway}: our own load, not the route, failed"
            yield from (f"{own} {n:,} in {test}" for test, n in sorted((+unsent).items()))


if __name__ == "__main__":
    everything = Tally.of_all()
    print("all parts together:", *everything.lines(), sep="\n")
    sys.exit("\n".join(everything.objections()) or 0)
