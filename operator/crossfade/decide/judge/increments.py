"""What the counters of one pod counted between two times: resets, births, gaps. Never `rate()`, never a sum first."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import inf

from crossfade.model.evidence import Sample, Series

Samples = tuple[Sample, ...]
MOST = 2.0**53
"""Beyond it a float64 cannot count by one: no counter of requests gets there."""


class Pod:
    """The series of one pod: `whole` count all its requests, `parts` some of them, one list of series a bound."""

    __slots__ = ("first", "name", "parts", "whole")

    def __init__(self, name: str, whole: Sequence[Samples]) -> None:
        """Without parts, which are to be added. `first` is when it was first scraped (unix s)."""
        self.name, self.whole = name, whole
        self.first = min([samples[0][0] for samples in whole])
        self.parts: list[list[Samples]] = []

    def last_until(self, time: float) -> float:
        """When it was last scraped up to `time`; -inf for never."""
        last = -inf
        for samples in self.whole:
            place = bisect_right(samples, (time, inf))
            if place and samples[place - 1][0] > last:
                last = samples[place - 1][0]
        return last

    def first_after(self, time: float) -> float:
        """When it was first scraped after `time`; inf for not yet."""
        first = inf
        for samples in self.whole:
            place = bisect_right(samples, (time, inf))
            if place < len(samples) and samples[place][0] < first:
                first = samples[place][0]
        return first

    def values(self, since: float, until: float) -> list[float]:
        """The last value of each series in (since, until]."""
        places = ((samples, bisect_right(samples, (until, inf)) - 1) for samples in self.whole)
        return [samples[place][1] for samples, place in places if place >= 0 and samples[place][0] > since]

    def counted(self, since: float, until: float, born_after: float) -> tuple[int, list[int]]:
        """(all requests, those of each part) in (since, until]; arguments as of `increase`.

        A series that was not there when its pod was scraped before `since` was born since.
        """
        born = -inf if self.first <= since else born_after
        total, *parts = self._counts((self.whole, *self.parts), since, until, born)
        return total, parts

    def _one_step(self, since: float, until: float) -> int:
        """Where, from the end, the sample of `until` is, if that of `since` is the one before and is not above it.

        That is what nearly every look finds, and then what the other series did is seen at the same places. Else 0.
        """
        samples = self.whole[0]
        place = bisect_right(samples, (until, inf)) - 1
        if place < 1 or samples[place][0] != until or samples[place - 1][0] != since:
            return 0
        return len(samples) - place if samples[place - 1][1] <= samples[place][1] else 0

    def _counts(self, lists: Iterable[Sequence[Samples]], since: float, until: float, born_after: float) -> list[int]:
        """What each list of series counted together: one loop, for a histogram has hundreds of series."""
        back, found = self._one_step(since, until), []
        for series in lists:
            total = 0.0
            for samples in series:
                if 0 < back < len(samples):
                    (before, old), (at, new) = samples[-back - 1], samples[-back]
                    if before == since and at == until and 0.0 <= old <= new <= MOST:
                        total += new - old
                        continue
                total += increase(samples, since, until, born_after, self.whole)
            found.append(round(total))
        return found


def pods_of(series: Iterable[Series], revisions: Sequence[str]) -> dict[str, dict[str, Pod]]:
    """The pods of each revision that were scraped, by name; both in order."""
    found: dict[str, dict[str, list[Samples]]] = {revision: {} for revision in revisions}
    for one in series:
        if one.samples and one.revision in found:
            found[one.revision].setdefault(one.pod, []).append(one.samples)
    return {revision: {name: Pod(name, pods[name]) for name in sorted(pods)} for revision, pods in found.items()}


def increase(samples: Samples, since: float, until: float, born_after: float, whole: Sequence[Samples] = ()) -> float:
    """Events of one series from its last sample at or before `since` to its last at or before `until`.

    A fall is a reset: the process counts from 0 again. So it does when all series `whole` of its pod fell, though it
    may be beyond its old value already. A series without a sample before counts whole from its first one if that is
    later than `born_after`, for then it was born under our eyes; else that one is only a starting point.
    """
    counted = _between(samples, since, until)
    if not counted:
        return 0.0
    first, value = counted[0]
    total = value if first > max(since, born_after) else 0.0
    again = _restarts(whole, first, until)
    for (before, old), (at, new) in pairwise(counted):
        restarted = new < old or any(before < time <= at for time in again)
        total += new if restarted else new - old
    return total


def _restarts(whole: Sequence[Samples], since: float, until: float) -> frozenset[float]:
    """When all series of a pod fell at once, in (since, until]."""
    falls = [_falls(samples, since, until) for samples in whole]
    return frozenset.intersection(*falls) if falls else frozenset()


def _falls(samples: Samples, since: float, until: float) -> frozenset[float]:
    return frozenset(at for (_, old), (at, new) in pairwise(_between(samples, since, until)) if new < old)


def _between(samples: Samples, since: float, until: float) -> list[Sample]:
    """What can be a count in (since, until], and before it the last one at or before `since`, if there is one."""
    end = bisect_right(samples, (until, inf))
    start = bisect_right(samples, (since, inf))
    while start > 0:
        start -= 1
        if 0.0 <= samples[start][1] <= MOST:
            break
    return [(at, value) for at, value in samples[start:end] if 0.0 <= value <= MOST]
