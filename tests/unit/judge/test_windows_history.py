"""Would catch: increments lost or counted twice by resets, births, gaps, late samples, crashes, the time of looking."""

from bisect import bisect_right
from dataclasses import dataclass, replace
from math import inf

from crossfade.decide.judge.checkpoint import decode, encode
from crossfade.decide.judge.engine import fold
from crossfade.decide.judge.rules import MetricRules, Rules
from crossfade.decide.judge.windows import rounds
from crossfade.model.evidence import Counters, Series
from crossfade.model.ledger import MetricLedger, Window
from hypothesis import given, settings
from hypothesis import strategies as st

STEP, SINCE, SCRAPES = 5.0, 1000.0, 24
BEFORE = 6  # scrapes before the rollout
BOUNDS = (0.1, 0.5)
KINDS = {
    "ratio": MetricRules("m", "ratio", "Required", worse=1.1, enough=1.5, floor=0.001),
    "latency": MetricRules("m", "latency", "Required", worse=1.1, enough=1.5),
}


def rules(kind: str) -> Rules:
    metric = KINDS[kind]
    return Rules((metric,), 100.0, 20.0, 0.99, 160, STEP, 0.2, 60.0, by_name={"m": metric})


@dataclass(frozen=True)
class Scrape:
    """What one scrape of a pod showed: `parts` are errors, or requests within each bound; None before the first one."""

    at: float
    seen: float
    life: int
    total: int
    parts: tuple[int | None, ...]


@dataclass(frozen=True)
class Pod:
    """A pod's whole life as its scrapes showed it."""

    arm: str
    name: str
    scrapes: tuple[Scrape, ...]

    def truth(self, part: int | None, since: float, until: float) -> int:
        """Increments of the total (None) or a part, by what really happened."""
        times = [one.at for one in self.scrapes]
        first, last = bisect_right(times, since), bisect_right(times, until)
        before = self.scrapes[first - 1] if first else None
        found = 0
        for one in self.scrapes[first:last]:
            same = before is not None and before.life == one.life
            now, old = (
                (one.total, before.total if before else 0)
                if part is None
                else (
                    one.parts[part] or 0,
                    (before.parts[part] or 0) if before else 0,
                )
            )
            found += now - old if same else now
            before = one
        return found


@st.composite
def pods(draw: st.DrawFn, kind: str, *, late: bool) -> list[Pod]:
    """Both arms: one stable pod is there throughout; of the others some are born later, some die."""
    found = []
    for arm in ("stable", "candidate"):
        for number in range(draw(st.integers(1, 3))):
            lasts = arm == "stable" and number == 0
            born = 0 if lasts or draw(st.booleans()) else draw(st.integers(BEFORE, BEFORE + 12))
            ages = st.just(SCRAPES) if lasts else st.one_of(st.just(SCRAPES), st.integers(born + 1 - BEFORE, SCRAPES))
            died = BEFORE + draw(ages)
            found.append(Pod(arm, f"{arm}-{number}", draw(scrapes(kind, born, died, late=late))))
    return found


@st.composite
def scrapes(draw: st.DrawFn, kind: str, born: int, died: int, *, late: bool) -> tuple[Scrape, ...]:
    phase = draw(st.floats(0.0, STEP - 0.01))
    values, life, last_total, shown = [0, *([0] * (1 if kind == "ratio" else 2))], 0, 0, 0.0
    if born == 0:
        values[0] = draw(st.integers(0, 50))
    found: list[Scrape] = []
    for k in range(born, died):
        what = draw(st.sampled_from(("quiet", "busy", "busy", "missed", "restart")))
        total = 0 if what == "quiet" else draw(st.integers(0, 20))
        parts = sorted(draw(st.integers(0, total)) for _ in values[1:])
        if what == "restart" and found and total < last_total:
            life, values = life + 1, [0] * len(values)
        values = [old + new for old, new in zip(values, (total, *parts), strict=True)]
        if what == "missed" and found and k > BEFORE:
            continue
        at = SINCE + (k - BEFORE) * STEP + phase + draw(st.floats(-0.2, 0.2))
        lag = draw(st.sampled_from((0.0, 0.0, 3.0, 11.0, 40.0))) if late and found and k > BEFORE else 0.0
        shown = max(shown, at + lag)
        hidden = kind == "ratio" and values[1] == 0
        found.append(Scrape(at, shown, life, values[0], (None,) if hidden else tuple(values[1:])))
        last_total = values[0]
    return tuple(found)


def read(world: list[Pod], kind: str, now: float, since: float = -inf) -> Counters:
    """What Prometheus shows at `now` of the samples after `since`."""

    def series(part: int | None) -> tuple[Series, ...]:
        found = []
        for pod in world:
            shown = [one for one in pod.scrapes if one.seen <= now and one.at > since]
            values = [(one.at, one.total if part is None else one.parts[part]) for one in shown]
            samples = tuple((at, float(value)) for at, value in values if value is not None)
            found += [Series(pod.arm, pod.name, samples)] if samples else []
        return tuple(found)

    if kind == "ratio":
        return Counters(bad=series(0), total=series(None))
    return Counters(buckets={**{bound: series(j) for j, bound in enumerate(BOUNDS)}, inf: series(None)})


def look(
    world: list[Pod], kind: str, ledger: MetricLedger, now: float, since: float = -inf
) -> tuple[MetricLedger, list[Window]]:
    held, windows = rules(kind), []
    for window, behind in rounds(
        read(world, kind, now, since), held.metrics[0].kind, "stable", "candidate", ledger, STEP, 10
    ):
        ledger = replace(fold(held, "m", ledger, window), behind=behind)
        windows.append(window)
    return ledger, windows


def reach(ledger: MetricLedger) -> float:
    """How far readings must go back."""
    return min([ledger.end, *(until for _, until in ledger.behind)]) - 4 * STEP


LOOKS = st.lists(st.tuples(st.floats(SINCE, SINCE + SCRAPES * STEP + 60), st.booleans(), st.booleans()), max_size=12)
"""When it is looked, whether a checkpoint is written then, and whether the operator crashes then."""
END = SINCE + SCRAPES * STEP + 100


def watch(world: list[Pod], kind: str, looks: list[tuple[float, bool, bool]]) -> tuple[MetricLedger, list[Window]]:
    """Look in pieces; after a crash only the last checkpoint is known."""
    ledger = MetricLedger(end=SINCE)
    windows: list[Window] = []
    saved: tuple[str, list[Window]] = encode(ledger), []
    for now, writes, crashes in [*sorted(looks), (END, True, False)]:
        ledger, new = look(world, kind, ledger, now, reach(ledger))
        windows = [*windows, *new]
        if writes:
            saved = encode(ledger), windows
        if crashes:
            ledger, windows = decode(saved[0]), saved[1]
    return ledger, windows


def counted(windows: list[Window], pod: Pod, part: int | None) -> int:
    mine = [one for w in windows for one in (*w.stable, *w.candidate) if one.pod == pod.name]
    return sum(one.total if part is None else one.bad[part] for one in mine)


def check(world: list[Pod], kind: str, ledger: MetricLedger, windows: list[Window]) -> None:
    """Each pod was counted from the start to where the ledger says, exactly."""
    late = dict(ledger.behind)
    for pod in world:
        old = bool(pod.scrapes) and pod.scrapes[0].at <= SINCE
        since = SINCE if old else -inf
        until = late.get(f"{pod.arm}/{pod.name}", ledger.end)
        total = pod.truth(None, since, until)
        assert counted(windows, pod, None) == total
        for part in range(1 if kind == "ratio" else 2):
            of_part = pod.truth(part, since, until)
            assert counted(windows, pod, part) == (of_part if kind == "ratio" else total - of_part)


@settings(max_examples=60)
@given(
    st.sampled_from(("ratio", "latency")).flatmap(lambda kind: st.tuples(st.just(kind), pods(kind, late=False))), LOOKS
)
def test_every_increment_is_in_one_window_and_pieces_and_crashes_change_no_bit(
    history: tuple[str, list[Pod]], looks: list[tuple[float, bool, bool]]
) -> None:
    kind, world = history
    ledger, windows = watch(world, kind, looks)
    check(world, kind, ledger, windows)
    once, all_windows = look(world, kind, MetricLedger(end=SINCE), END)
    assert encode(ledger) == encode(once)
    assert windows == all_windows


@settings(max_examples=60)
@given(
    st.sampled_from(("ratio", "latency")).flatmap(lambda kind: st.tuples(st.just(kind), pods(kind, late=True))), LOOKS
)
def test_samples_that_are_seen_late_are_counted_once_all_the_same(
    history: tuple[str, list[Pod]], looks: list[tuple[float, bool, bool]]
) -> None:
    kind, world = history
    check(world, kind, *watch(world, kind, looks))
