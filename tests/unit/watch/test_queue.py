"""Would catch a key lost, looked at twice at once, looked at too early, or overtaken by something less urgent."""

from crossfade.watch.queue import Key, Priority, WorkQueue
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.fakes.clock import FakeClock

A, B, C = (Key("Rollout", "ml", name) for name in "abc")


def make_queue(jitter: float = 0.0) -> tuple[WorkQueue, FakeClock]:
    clock = FakeClock(0.0)
    return WorkQueue(clock, lambda: jitter), clock


def test_a_key_added_many_times_is_looked_at_once() -> None:
    queue, _ = make_queue()
    for _ in range(3):
        queue.add(A)
    assert queue.take() == (A, Priority.CHANGE)
    assert queue.take() is None


def test_a_key_added_while_in_work_waits_for_its_worker_and_runs_again() -> None:
    queue, _ = make_queue()
    queue.add(A)
    queue.take()
    queue.add(A, Priority.BREACH)
    assert queue.take() is None
    queue.done(A)
    assert queue.take() == (A, Priority.BREACH)


def test_the_most_urgent_goes_first_and_equals_in_order_of_arrival() -> None:
    queue, _ = make_queue()
    queue.add(A, Priority.PERIODIC)
    queue.add(B, Priority.PERIODIC)
    queue.add(C, Priority.BREACH)
    assert [taken[0] for taken in iter(queue.take, None)] == [C, A, B]


def test_an_earlier_look_pulls_a_delayed_one_forward_and_takes_its_place() -> None:
    queue, clock = make_queue()
    queue.add(A, Priority.PERIODIC, delay=60.0)
    assert queue.take() is None
    assert queue.next_due() == 60.0
    queue.add(A, Priority.CHANGE)
    assert queue.take() == (A, Priority.CHANGE)
    queue.done(A)
    clock.at = 61.0
    assert queue.take() is None


def test_a_later_look_does_not_put_off_an_earlier_one() -> None:
    queue, clock = make_queue()
    queue.add(A, delay=5.0)
    queue.add(A, delay=50.0)
    clock.at = 5.0
    assert queue.take() is not None


def test_the_reserved_worker_takes_breaches_alone() -> None:
    queue, _ = make_queue()
    queue.add(A, Priority.USER)
    assert queue.take(urgent_only=True) is None
    queue.add(B, Priority.BREACH)
    assert queue.take(urgent_only=True) == (B, Priority.BREACH)


def test_failures_back_off_to_five_minutes_and_success_starts_anew() -> None:
    queue, _ = make_queue()
    delays = [queue.retry(A) for _ in range(11)]
    assert delays[:4] == [1.0, 2.0, 4.0, 8.0]
    assert delays[-1] == 300.0
    queue.forget_failures(A)
    assert queue.retry(A) == 1.0


@given(st.integers(0, 2000), st.floats(0.0, 1.0))
def test_every_back_off_lies_between_one_second_and_five_minutes(failures: int, jitter: float) -> None:
    queue, _ = make_queue(jitter)
    queue._failures[A] = failures
    assert 1.0 <= queue.retry(A) <= 300.0


class QueueMachine(RuleBasedStateMachine):
    """The queue against a model that is a plain list of due times."""

    def __init__(self) -> None:
        super().__init__()
        self.queue, self.clock = make_queue()
        self.due: dict[Key, tuple[float, Priority]] = {}
        self.working: set[Key] = set()

    @rule(key=st.sampled_from([A, B, C]), priority=st.sampled_from(Priority), delay=st.sampled_from([0.0, 1.0, 10.0]))
    def add(self, key: Key, priority: Priority, delay: float) -> None:
        due, urgency = self.due.get(key, (float("inf"), Priority.PERIODIC))
        self.due[key] = min(due, self.clock.at + delay), min(urgency, priority)
        self.queue.add(key, priority, delay)

    @rule(seconds=st.sampled_from([0.5, 1.0, 20.0]))
    def wait(self, seconds: float) -> None:
        self.clock.at += seconds

    @rule(urgent_only=st.booleans())
    def take(self, urgent_only: bool) -> None:
        can = {k: p for k, (due, p) in self.due.items() if due <= self.clock.at and k not in self.working}
        if urgent_only:
            can = {k: p for k, p in can.items() if p is Priority.BREACH}
        taken = self.queue.take(urgent_only=urgent_only)
        if taken is None:
            assert not can
            return
        key, priority = taken
        assert can[key] == priority == min(can.values())
        del self.due[key]
        self.working.add(key)

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.working)))
        self.working.discard(key)
        self.queue.done(key)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.queue) == len(self.due)


TestQueueMachine = QueueMachine.TestCase
