"""Would catch a sum over all sessions that hides a request which the route failed, or one of hardly any requests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from testbed.load import LoadGenerator
from testbed.load.verdict import Blame
from tests.support.endpoint import Gap
from tests.support.tally import LEAST, LEAST_OF_EACH, LEAST_OF_WAYS, MAY_LOSE, Tally

KEPT = "kept connections"


@dataclass
class Sent:
    """What of a load the sum looks at; each request is sent at `wall` and takes a second."""

    blame: Blame | None
    wall: float = 0.0
    lateness: float = 0.0
    latency: float = 1.0


@dataclass
class Load:
    samples: list[Sent] = field(default_factory=list)


def load(good: int, *bad: Blame, how: str = KEPT) -> tuple[str, LoadGenerator]:
    return how, cast("LoadGenerator", Load([Sent(None)] * good + [Sent(one) for one in bad]))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(gateway: str, test: str, *loads: tuple[str, LoadGenerator], gaps: Sequence[Gap] = ()) -> None:
    """One session, that of the process `test`."""
    one = Tally()
    one.add(gateway, test, loads, gaps)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("os.getpid", lambda: f"{gateway}-{test}")
        one.write()


def rest(run: str = "test", **fewer: int) -> None:
    """What is asked of each way, but for those of Envoy that are named."""
    for gateway, ways in LEAST_OF_WAYS[run].items():
        for how, least in ways.items():
            few = fewer.get(how.replace(" ", "_").replace("'", "")) if gateway == "envoy" else None
            written(gateway, f"rest, {how}", load(least if few is None else few, how=how))
        written(gateway, "rest", load(LEAST // 2))


def objections(run: str = "test") -> list[str]:
    return list(Tally.of_all().objections(run))


def test_sessions_are_added_up_and_what_a_model_failed_is_no_objection() -> None:
    written("envoy", "test_a", load(LEAST // 2, Blame.MODEL))
    written("traefik", "test_b[x]", load(LEAST // 2))
    assert [line.partition(" (")[0] for line in Tally.of_all().lines()] == [
        f"envoy: {LEAST // 2 + 1:,} requests through rollouts, 0 failed by the route",
        f"traefik: {LEAST // 2:,} requests through rollouts, 0 failed by the route",
    ]
    rest()
    assert objections() == []


def test_one_request_that_the_route_failed_is_one_too_many() -> None:
    rest()
    written("envoy", "test_a[x]", load(0, Blame.ROUTE))
    assert objections() == ["envoy: the route failed 1 in test_a[x]"]


def test_what_takes_pods_away_may_lose_what_these_had_and_no_more() -> None:
    rest()
    for test, most in MAY_LOSE.items():
        written("envoy", f"{test}[envoy]", load(0, *[Blame.ROUTE] * most))
    assert objections() == []
    one = min(MAY_LOSE)
    written("traefik", one, load(0, *[Blame.ROUTE] * (MAY_LOSE[one] + 1)))
    assert objections() == [f"traefik: the route failed {MAY_LOSE[one] + 1} in {one}, which may lose {MAY_LOSE[one]}"]


def test_while_a_test_had_taken_pods_away_nobody_failed_and_before_and_after_the_route() -> None:
    rest()
    sent = cast("LoadGenerator", Load([Sent(Blame.ROUTE, wall) for wall in (1.0, 2.5, 5.0, 6.0)]))
    written("envoy", "test_a", (KEPT, sent), gaps=[Gap(3.0, 5.0)])
    assert objections() == ["envoy: the route failed 2 in test_a"]
    assert "  2 more while test_a had nobody to answer" in Tally.of_all().lines()


def test_what_our_own_load_could_not_send_is_told_apart_and_counts_as_nothing_sent() -> None:
    rest(a_cohort=LEAST_OF_WAYS["test"]["envoy"]["a cohort"] - 1)
    written("envoy", "test_a[x]", load(0, Blame.GENERATOR, how="a cohort"))
    few, own = objections()
    assert few.startswith("envoy: ")
    assert own == "envoy: our own load, not the route, failed 1 in test_a[x]"


def test_no_test_is_allowed_a_load_that_cannot_send() -> None:
    rest()
    written("envoy", min(MAY_LOSE), load(0, Blame.GENERATOR))
    assert objections() == [f"envoy: our own load, not the route, failed 1 in {min(MAY_LOSE)}"]


def test_hardly_any_requests_show_nothing() -> None:
    written("envoy", "test_a", load(10))
    assert f"10 requests are fewer than {LEAST:,}: they show nothing" in objections()


def test_many_requests_through_one_gateway_show_nothing_of_the_other() -> None:
    written("envoy", "test_a", load(LEAST))
    assert f"0 requests through traefik are fewer than {LEAST_OF_EACH:,}: they show nothing of it" in objections()


@pytest.mark.parametrize(("run", "missing"), [("test", "gRPC_streams"), ("test-long", "streams")])
def test_a_way_of_sending_that_is_hardly_used_shows_nothing_of_it(run: str, missing: str) -> None:
    rest(run, **{missing: 3})
    how = missing.replace("_", " ")
    least = LEAST_OF_WAYS[run]["envoy"][how]
    assert objections(run) == [f"envoy: 3 requests by {how} are fewer than {least:,}: they show nothing of these"]


def test_the_long_run_asks_for_every_way_on_both_gateways() -> None:
    long = LEAST_OF_WAYS["test-long"]
    assert set(long["envoy"]) == set(long["traefik"])
    assert set(long["envoy"]) > set(LEAST_OF_WAYS["test"]["envoy"]) | set(LEAST_OF_WAYS["test"]["traefik"])
