"""Catches a rehearsal that takes an answer for proof which is none, gives up too soon, or asks on after it knows."""

import asyncio
from typing import Any

import pytest
from crossfade.model.rehearsal import Probe, Rehearsal, Rehearsed
from crossfade.observe.rehearser import Rehearser
from crossfade.ports import Answer, ProbeError

from tests.unit.fakes.clock import FakeClock

RIGHT = Answer(404, "fraud-2", "secret")
PAST = Answer(200, "fraud-1")
NOBODY = ProbeError("10.0.0.1:80 did not answer within 3 s")


def probe(token: str | None = "secret", **changes: Any) -> Probe:
    told: dict[str, Any] = {
        "gateway": "Gateway gateways/public",
        "summary": "1/2 team",
        "scheme": "http",
        "address": "10.0.0.1",
        "port": 80,
        "host": "fraud.test",
        "protocol": "http",
        "path": "/",
        "headers": (("x-crossfade-rehearsal", token),) if token else (),
        "token": token,
        "revision": "fraud-2",
    }
    return Probe(**told | changes)


class Script:
    """The Prober port: gives these answers in turn, the last one for ever; remembers what was asked."""

    def __init__(self, *answers: Answer | Exception, others: Answer | Exception = PAST) -> None:
        self.answers, self.others, self.asked = list(answers), others, list[Probe]()

    async def ask(self, probe: Probe) -> Answer:
        """See ports.Prober."""
        self.asked.append(probe)
        found = self.others
        if probe.token is not None:
            found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return found


async def rehearsed(script: Script, patience: float = 0.0, protocol: str = "http") -> Rehearsed:
    probes = (probe(protocol=protocol), probe(None, protocol=protocol))
    clock, done = FakeClock(), asyncio.Event()
    rehearser = Rehearser(script, clock, patience)
    for _ in range(2):
        rehearser.request("u", [Rehearsal("k", probes), Rehearsal("not yet")], done.set)
    await done.wait()
    assert rehearser.of("u").keys() == {"k"}
    assert rehearser.of("other") == {}
    return rehearser.of("u")["k"]


async def test_the_right_answer_is_proof_whatever_the_model_says_of_the_path() -> None:
    script = Script(RIGHT)
    found = await rehearsed(script)
    assert (found.findings, found.at) == ((), FakeClock().now())
    assert [one.token for one in script.asked] == ["secret", None]


@pytest.mark.parametrize(
    ("answer", "fault", "reached"),
    [
        (Answer(500), "a request through the rule was answered with 500", True),
        (Answer(502, "fraud-2", "secret"), "a request through the rule was answered with 502", True),
        (PAST, "no request came through the rule; the last one was answered with 200 past it", True),
        (Answer(200), "no request came through the rule; the last one was answered with 200 past it", True),
        (Answer(200, "fraud-2", "older"), "no request came through the rule; the last one was answered with 200", True),
        (Answer(200, "fraud-1", "secret"), "fraud-1 answered in place of fraud-2", True),
        (Answer(200, "", "secret"), "an unknown arm answered in place of fraud-2", True),
        (NOBODY, "10.0.0.1:80 did not answer within 3 s", False),
    ],
)
async def test_anything_else_is_not(answer: Answer | Exception, fault: str, *, reached: bool) -> None:
    (finding,) = (await rehearsed(Script(answer))).findings
    assert finding.fault.startswith(fault)
    assert (finding.reached, finding.probe) == (reached, probe())


@pytest.mark.parametrize(
    ("answer", "fault", "reached"),
    [
        (
            Answer(200, "fraud-2", "secret", 14),
            "a request through the rule was answered with gRPC status 14 UNAV",
            True,
        ),
        (Answer(200, grpc=14), "a request through the rule was answered with gRPC status 14 UNAVAILABLE", True),
        (Answer(200, "fraud-1", "", 12), "no request came through the rule; the last one was answered with gRPC", True),
        (Answer(404), "no request came through the rule; the last one was answered with 404 past it", True),
        (Answer(200, grpc=12), "its answers do not say which version gave them", False),
        (Answer(200), "its answers do not say which version gave them", False),
    ],
)
async def test_of_a_call_only_a_failure_or_a_mark_tells(answer: Answer, fault: str, *, reached: bool) -> None:
    (finding,) = (await rehearsed(Script(answer), protocol="grpc")).findings
    assert finding.fault.startswith(fault)
    assert finding.reached is reached


async def test_a_server_that_does_not_know_the_call_is_proof_as_one_that_does() -> None:
    assert (await rehearsed(Script(Answer(200, "fraud-2", "secret", 12)), protocol="grpc")).findings == ()


async def test_a_gateway_that_accepts_before_it_serves_is_waited_for() -> None:
    script = Script(NOBODY, PAST, Answer(503), RIGHT)
    assert (await rehearsed(script, patience=30.0)).findings == ()
    assert len(script.asked) == 5


async def test_a_rule_that_everybody_meets_is_known_at_once() -> None:
    """Each further second of it would be the users'."""
    script = Script(RIGHT, others=RIGHT)
    (finding,) = (await rehearsed(script, patience=30.0)).findings
    assert finding.fault == "a request without its headers met the rule as well"
    assert len(script.asked) == 2


async def test_a_fault_of_ours_proves_nothing() -> None:
    (finding, _) = (await rehearsed(Script(KeyError("secret")))).findings
    assert "fault in the operator" in finding.fault
    assert not finding.reached


@pytest.mark.parametrize("end", ["not asked for", "forgotten"])
async def test_what_is_wanted_no_more_is_broken_off(end: str) -> None:
    rehearser = Rehearser(Script(PAST), FakeClock(), 3600.0)
    rehearser.request("u", [Rehearsal("k", (probe(),))], lambda: None)
    rehearser.request("other", [Rehearsal("k", (probe(),))], lambda: None)
    task = rehearser._tasks["u", "k"]
    rehearser.forget("u") if end == "forgotten" else rehearser.request("u", [Rehearsal("j")], lambda: None)
    assert rehearser._tasks.keys() == {("other", "k")}
    with pytest.raises(asyncio.CancelledError):
        await task
    await rehearser.close()
    assert rehearser.of("u") == {}
