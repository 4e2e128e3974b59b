"""What changes of weights do to requests and calls alike: the changes, and what is told of them."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from testbed.load import LoadGenerator, Sample
from testbed.load.samples import percentile
from tests.support.endpoint import answered_by, at_least
from tests.support.pair import NEW, OLD, Pair, after_each

CHANGES = 60
MANY = 300
"""So many changes have a 99th percentile that is not their slowest."""
FEW = 12
TENTHS = 5000
"""Answers of which a tenth are counted."""
TOLERANCE = 5 * (TENTHS * 0.09) ** 0.5
"""Five standard deviations of their number."""
_QUIET = 50
"""So many answers of one arm in a row: the other gets nothing any more."""
_LATE = 120.0
"""Seconds after which new weights never come: how soon they were live is reported, for it is the machine's too."""


@dataclass(frozen=True)
class Report:
    """What a test found out about a gateway, for its record and for whoever watches."""

    gateway: str
    record: Callable[[str, object], None]

    def value(self, what: str, value: object, sentence: str) -> None:
        """One figure, and the sentence that it stands in."""
        self.record(what, value)
        print(f"{self.gateway}: {sentence}")

    def seconds(self, what: str, values: list[float]) -> None:
        """How long something took each time."""
        shares = (percentile(values, share) for share in (0.95, 0.99))
        usual, most, nearly, last = (1000 * value for value in (median(values), *shares, max(values)))
        said = f"{usual:.0f} ms, 95 of 100 within {most:.0f} ms, 99 within {nearly:.0f}, all within {last:.0f}"
        self.value(what, said, f"{what}: {said}")

    def changes(self, pair: Pair, samples: Sequence[Sample], what: str) -> None:
        """When the changes were acknowledged, and when they were live; `what` is a request or a call."""
        acknowledged = [one.acknowledged - one.written for one in pair.changes]
        live = after_each(pair.changes, samples)
        self.seconds("written to acknowledged", acknowledged)
        self.seconds(f"written to the last {what} on the old way", live)
        early = sum(last > known for last, known in zip(live, acknowledged, strict=True))
        of_all = f"{early} of {len(live)} changes were acknowledged before the last {what} on the old way"
        self.value("acknowledged before it was live", early, of_all)

    def tenth(self, samples: Sequence[Sample]) -> int:
        """How many of them the new one answered; how evenly is told."""
        share = len(answered_by(samples, NEW))
        rows = [samples[at : at + 100] for at in range(0, len(samples), 100)]
        hundreds = [len(answered_by(row, NEW)) for row in rows if len(row) == 100]
        evenly = f"of each hundred {min(hundreds)} to {max(hundreds)}"
        self.value("answered by the new one", share, f"the tenth answered {share} of {len(samples)}, {evenly}")
        return share


async def swap_arms(pair: Pair, load: LoadGenerator, times: int = CHANGES) -> None:
    """Give everything to one arm and then to the other, again as soon as it is live."""
    await at_least(load, 100)
    for arm in itertools.islice(itertools.cycle([NEW, OLD]), times):
        await pair.weigh(**{arm: 100})
        await load.wait_until(partial(_answers_alone, arm), _LATE)


async def plain_delay(pair: Pair, load: LoadGenerator) -> float:
    """The most seconds that the pair's gateway took for one of FEW plain changes, from the write to the last request
    of the load on the old way: without an operator."""
    await pair.start(old=100)
    async with load:
        await swap_arms(pair, load, FEW)
    return max(after_each(pair.changes, load.samples))


async def come_and_go(pair: Pair, load: LoadGenerator) -> int:
    """Put an arm that is new to the route into it, and take it out again; how often that was done."""
    await at_least(load, 100)
    for _ in range(CHANGES // 2):
        await _give_a_tenth(pair, load)
        await pair.weigh(old=100)
        await load.wait_until(partial(_answers_alone, OLD), _LATE)
    return CHANGES // 2


async def while_a_tenth_goes_to_the_new_one(pair: Pair, load: LoadGenerator) -> list[Sample]:
    """TENTHS answers from when these weights were live."""
    await _give_a_tenth(pair, load)
    begun = len(load.samples)
    await at_least(load, TENTHS, 300)
    return load.samples[begun : begun + TENTHS]


async def _give_a_tenth(pair: Pair, load: LoadGenerator) -> None:
    begun = len(load.samples)
    await pair.weigh(old=90, new=10)
    await load.wait_until(lambda samples: bool(answered_by(samples[begun:], NEW)), _LATE)


def _answers_alone(arm: str, samples: Sequence[Sample]) -> bool:
    return {one.arm for one in samples[-_QUIET:]} == {arm}
