"""Would catch: a metric that stops its neighbours, a split measured by what counts no requests, late pods forgotten."""

from dataclasses import replace
from math import inf

from crossfade.decide.judge.engine import fold, judge
from crossfade.decide.judge.readings import TWICE
from crossfade.decide.judge.rules import MetricRules
from crossfade.decide.judge.windows import catch_up
from crossfade.model.evidence import Counters
from crossfade.model.ledger import Ledger, MetricLedger

from tests.unit.judge.builders import errors, gauge, held_to, slower, window
from tests.unit.judge.scraped import SINCE, STEP, candidate, errors_of, every_step, line, stable


def caught_up(
    *metrics: MetricRules,
    ledger: Ledger | None = None,
    since: float | None = SINCE,
    **shown: Counters,
) -> Ledger:
    """The ledger long after what is shown, at a weight of 10 %."""
    rules, before, now = held_to(*metrics, step=STEP), ledger or Ledger(), SINCE + 1000
    return catch_up(rules, before, shown, "stable", "candidate", weight=10, since=since, now=now)[0]


def steady(steps: int = 40) -> Counters:
    """A hundred requests a step, ten of them the candidate's."""
    return errors_of(total=(stable(*line(90, steps)), candidate(*line(10, steps))))


def test_a_metric_that_has_not_begun_does_not_stop_those_that_have() -> None:
    begun = Ledger({"errors": MetricLedger(end=SINCE)})
    found = caught_up(errors(name="new"), errors(), ledger=begun, since=None, new=steady(), errors=steady())
    assert {name: one.looks for name, one in found.metrics.items()} == {"errors": 40}


def test_of_pods_that_are_scraped_twice_nothing_is_counted_until_they_are_not() -> None:
    begun = caught_up(errors(), errors=steady(10))
    held = caught_up(errors(), ledger=begun, errors=replace(steady(20), doubled="a pod is scraped twice"))
    assert held.metrics["errors"] == replace(begun.metrics["errors"], fault=TWICE)
    assert held.traffic == begun.traffic
    assert judge(held_to(errors()), held).why == "Invalid"
    assert caught_up(errors(), ledger=held, errors=steady(40)) == caught_up(errors(), ledger=begun, errors=steady(40))


def test_a_gauge_is_judged_again_once_its_pods_are_scraped_once() -> None:
    shown = Counters(gauges=(candidate(*every_step(9, 9)),))
    held = caught_up(gauge(), memory=replace(shown, doubled="a pod is scraped twice"))
    assert held.metrics["memory"].fault == TWICE
    assert caught_up(gauge(), ledger=held, memory=shown) == caught_up(gauge(), memory=shown)


def test_a_gauge_of_which_only_no_number_is_seen_is_no_longer_told_to_be_doubled() -> None:
    ledger = fold(held_to(gauge()), "memory", MetricLedger(fault=TWICE), window(value=None))
    assert ledger.fault == ""


def test_the_value_of_a_gauge_with_a_least_one_is_its_least() -> None:
    shown = Counters(gauges=(candidate(*every_step(9, 9), pod="a"), candidate(*every_step(9, 3), pod="b")))
    found = caught_up(gauge(max=None, min="5"), memory=shown)
    assert found.metrics["memory"].value == 3.0


def test_the_limit_of_a_long_histogram_is_among_the_bounds_that_are_counted() -> None:
    bounds = [round(0.001 * k, 3) for k in range(1, 151)]
    shown = Counters(buckets={le: (candidate(*line(1, 1)), stable(*line(1, 1))) for le in (*bounds, inf)})
    limited = slower(limit=0.01, edge=0.102)
    assert 0.102 in caught_up(limited, latency=shown).metrics["latency"].bounds
    assert 0.102 not in caught_up(slower(), latency=shown).metrics["latency"].bounds


def test_a_pod_whose_scrapes_fail_is_counted_once_though_it_is_looked_at_meanwhile() -> None:
    """Thrice its scrapes fail; it had 100 requests meanwhile."""

    def shown(steps: int) -> Counters:
        failing = every_step(*(0, 25, None, None, None, 125, 150)[: steps + 1])
        return errors_of(total=(stable(*failing), candidate(*line(10, steps))))

    once = caught_up(errors(), errors=shown(6))
    pieces = Ledger()
    for steps in range(1, 7):
        pieces = caught_up(errors(), ledger=pieces, errors=shown(steps))
    assert pieces == once
    assert once.metrics["errors"].stable.total == 150
    assert caught_up(errors(), errors=shown(4)).metrics["errors"].behind == (("stable/s", SINCE + STEP),)


# --- by what the split is measured ---


def test_a_gauge_counts_no_requests_so_the_next_metric_measures_the_split() -> None:
    level = Counters(gauges=(stable(*line(0, 40)), candidate(*line(0, 40))))
    found = caught_up(gauge(), errors(), memory=level, errors=steady())
    assert (found.traffic.candidate, found.traffic.total) == (28 * 10, 28 * 100)


def test_a_histogram_alone_measures_the_split() -> None:
    counts = (stable(*line(90, 40)), candidate(*line(10, 40)))
    found = caught_up(slower(), latency=Counters(buckets={0.1: counts, inf: counts}))
    assert (found.traffic.candidate, found.traffic.total) == (28 * 10, 28 * 100)


def test_a_histogram_without_the_candidate_contradicts_its_weight() -> None:
    counts = (stable(*line(90, 40)),)
    found = caught_up(slower(), latency=Counters(buckets={0.1: counts, inf: counts}))
    assert (found.traffic.candidate, found.traffic.total) == (0, 28 * 90)
    assert judge(held_to(slower(), step=STEP), found).why == "Mismatch"


def test_of_a_histogram_with_the_candidate_its_requests_count_and_not_stables_alone() -> None:
    """A scrape of stable beyond the candidate's last one is no round of its own."""
    counts = (stable(*line(90, 60)), candidate(*line(10, 40)))
    found = caught_up(slower(), latency=Counters(buckets={0.1: counts, inf: counts}))
    assert (found.traffic.candidate, found.traffic.total, found.traffic.end) == (280, 2800, SINCE + 40 * STEP)
