"""Would catch a demo that adds up wrong: failures on the wrong account, wrong moments, an unchecked promise."""

import json
from dataclasses import replace
from pathlib import Path

from demo.endpoint import Endpoint
from demo.report import Facts, Report, broken_promises, report
from testbed.load.verdict import Blame
from tests.unit.demo.build import BAD, BETTER, arm, outcome, rollout, sample


def _endpoint() -> Endpoint:
    """What an endpoint knows after version 2 was promoted over 1 and version 3 was rolled back at second 110."""
    endpoint = Endpoint("tumour-classifier")
    stories = [
        (
            10.0,
            arm("tumour-classifier-1", "r1"),
            None,
            outcome("tumour-classifier-1", "r1", "Promoted", "FirstVersion"),
        ),
        (90.0, arm(BETTER, BETTER), None, outcome(BETTER, BETTER, "Promoted", "StagesPassed")),
        (95.0, arm(BETTER, BETTER), arm(BAD, BAD), outcome(BETTER, BETTER, "Promoted", "StagesPassed")),
        (110.0, arm(BETTER, BETTER), None, outcome(BAD, BAD, "RolledBack", "MetricRegressed")),
        (120.0, arm(BETTER, BETTER), None, outcome(BAD, BAD, "RolledBack", "MetricRegressed")),
    ]
    for at, stable, candidate, end in stories:
        found = {"stable": stable, "outcome": end} | ({"candidate": candidate} if candidate else {})
        endpoint.learn(rollout("", **found), at)
    return endpoint


def _report(*samples: object) -> Report:
    known = _endpoint()
    return report(Facts(samples, known.versions, known.outcomes, known.decided, known.digests, 71.234))  # type: ignore[arg-type]


def test_the_first_version_counts_as_no_promotion_and_the_rolled_back_one_is_named() -> None:
    found = _report(sample(100.0, BAD))
    assert (found.promoted, found.rolled_back) == ([BETTER], [BAD])


def test_times_run_from_the_first_request_of_the_bad_version_to_decision_and_to_its_last_answer() -> None:
    found = _report(
        sample(50.0, BETTER), sample(101.0, BAD), sample(100.0, BAD), sample(110.4, BAD), sample(130.0, BETTER)
    )
    assert found.seconds_to_decision == 10.0
    assert found.seconds_to_traffic_gone == 10.5


def test_failures_are_on_the_account_of_who_failed() -> None:
    found = _report(
        sample(100.0, BAD, Blame.MODEL),
        sample(101.0, BAD, Blame.MODEL),
        sample(102.0, BETTER, Blame.MODEL),
        sample(103.0, BETTER, Blame.ROUTE),
        sample(104.0, None, Blame.ROUTE),
        sample(105.0, None, Blame.GENERATOR),
        sample(106.0, None, Blame.MODEL),
    )
    assert found.requests == 7
    assert found.failed_by_route == 2
    assert found.failed_by_model == {"tumour-classifier-1": 0, BETTER: 1, BAD: 2, "unknown": 1}
    assert found.bad_answers == 3


def test_all_promises_kept_is_no_complaint_and_each_broken_one_is_a_sentence() -> None:
    kept = _report(sample(100.0, BAD, Blame.MODEL))
    assert broken_promises(kept, [BETTER], [BAD]) == []
    nothing = report(Facts([sample(1.0, None, Blame.ROUTE)], {}, {}, {}, {}, 1.0))
    said = broken_promises(nothing, [BETTER], [BAD])
    assert [BETTER in said[0], BAD in said[1], "failed 1 of 1" in said[2]] == [True, True, True]


def test_a_demo_that_ended_early_still_has_a_report(tmp_path: Path) -> None:
    report(Facts([], {}, {}, {}, {}, 1.0)).write(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text()) == {
        "promoted": [],
        "rolledBack": [],
        "requests": 0,
        "failedByRoute": 0,
        "failedByModel": {},
        "secondsToDecision": None,
        "secondsToTrafficGone": None,
        "badAnswers": 0,
        "digests": {},
        "wallSeconds": 1.0,
        "secondsSentLate": 0.0,
    }


def test_a_machine_too_busy_to_send_in_time_is_named_as_a_cause() -> None:
    late = replace(sample(100.0, None, Blame.ROUTE), lateness=2.5)
    assert "2.5 s late" in broken_promises(_report(late), [BETTER], [BAD])[-1]
