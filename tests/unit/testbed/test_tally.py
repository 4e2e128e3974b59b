"""Would catch a sum over all sessions that hides a request which the route failed, or one of hardly any requests."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from testbed.load import LoadGenerator
from testbed.load.verdict import Blame
from tests.support.tally import LEAST, LEAST_OF_EACH, TAKES_PODS_AWAY, Tally


@dataclass
class Sent:
    """What of a load the sum looks at."""

    blame: Blame | None


@dataclass
class Load:
    samples: list[Sent] = field(default_factory=list)


def load(good: int, *bad: Blame) -> tuple[str, LoadGenerator]:
    return "kept connections", cast("LoadGenerator", Load([Sent(None)] * good + [Sent(one) for one in bad]))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(gateway: str, test: str, *loads: tuple[str, LoadGenerator]) -> None:
    one = Tally()
    one.add(gateway, test, loads)
    one.write()


def test_sessions_are_added_up_and_what_a_model_failed_is_no_objection(monkeypatch: pytest.MonkeyPatch) -> None:
    written("envoy", "test_a", load(LEAST // 2, Blame.MODEL))
    monkeypatch.setattr("os.getpid", lambda: 2)
    written("traefik", "test_b[x]", load(LEAST // 2))
    whole = Tally.of_all()
    assert list(whole.objections()) == []
    assert [line.partition(" (")[0] for line in whole.lines()] == [
        f"envoy: {LEAST // 2 + 1:,} requests through rollouts, 0 failed by the route",
        f"traefik: {LEAST // 2:,} requests through rollouts, 0 failed by the route",
    ]


def test_one_request_that_the_route_failed_is_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    written("envoy", "test_a[x]", load(LEAST, Blame.ROUTE))
    monkeypatch.setattr("os.getpid", lambda: 2)
    written("traefik", "test_b", load(LEAST))
    assert list(Tally.of_all().objections()) == ["envoy: the route failed 1 in test_a[x]"]


def test_what_our_own_load_could_not_send_is_told_apart_and_counts_as_nothing_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written("envoy", "test_a[x]", load(LEAST_OF_EACH - 1, Blame.GENERATOR))
    monkeypatch.setattr("os.getpid", lambda: 2)
    written("traefik", "test_b", load(LEAST))
    assert list(Tally.of_all().objections()) == [
        f"{LEAST_OF_EACH - 1:,} requests through envoy are fewer than {LEAST_OF_EACH:,}: they show nothing of it",
        "envoy: our own load, not the route, failed 1 in test_a[x]",
    ]


def test_no_test_is_allowed_a_load_that_cannot_send(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = min(TAKES_PODS_AWAY)
    written("envoy", allowed, load(LEAST, Blame.GENERATOR))
    monkeypatch.setattr("os.getpid", lambda: 2)
    written("traefik", allowed, load(LEAST, Blame.ROUTE))
    assert list(Tally.of_all().objections()) == [f"envoy: our own load, not the route, failed 1 in {allowed}"]


def test_hardly_any_requests_show_nothing() -> None:
    written("envoy", "test_a", load(10))
    assert f"10 requests are fewer than {LEAST:,}: they show nothing" in Tally.of_all().objections()


def test_many_requests_through_one_gateway_show_nothing_of_the_other() -> None:
    written("envoy", "test_a", load(LEAST))
    too_few = f"0 requests through traefik are fewer than {LEAST_OF_EACH:,}: they show nothing of it"
    assert list(Tally.of_all().objections()) == [too_few]
