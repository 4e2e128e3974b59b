"""How many requests all tests with a Rollout sent through it, how, and which of them no model answered."""

from collections import Counter
from collections.abc import Iterator, Sequence

from testbed.load import LoadGenerator
from testbed.load.verdict import Blame


class Tally:
    """Sums by gateway and way of sending. A test that takes answering pods away on purpose is named by what it lost."""

    def __init__(self) -> None:
        self._sent: dict[str, Counter[str]] = {}
        self._failed: dict[str, Counter[str]] = {}

    def add(self, gateway: str, test: str, loads: Sequence[tuple[str, LoadGenerator]]) -> None:
        """One more test's."""
        sent, failed = self._sent.setdefault(gateway, Counter()), self._failed.setdefault(gateway, Counter())
        for how, load in loads:
            sent[how] += len(load.samples)
            failed[test] += sum(one.blame not in (None, Blame.MODEL) for one in load.samples)

    def lines(self) -> Iterator[str]:
        """For people, one a gateway, and one a test that lost something."""
        for gateway, sent in sorted(self._sent.items()):
            ways = ", ".join(f"{how} {count:,}" for how, count in sorted(sent.items()) if count)
            failed = +self._failed[gateway]
            told = f"{sent.total():,} requests through rollouts, {failed.total():,} failed by the route"
            yield f"{gateway}: {told} ({ways})"
            yield from (f"  {count:,} of them in {test}" for test, count in sorted(failed.items()))
