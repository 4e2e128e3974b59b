"""First versions, ladders of stages, and pods that are missing: cases A of one list, S01 to S07 of the other."""

from tests.simulation.cases.story import Story, at, case, gate, promoted, taken_back, weight

SOON = {"replicas": 2, "startup": {"timeout": "20s"}}


@case("A10")
def two_pods_for_a_twentieth_and_one_of_them_is_lost(story: Story) -> None:
    """Of ten one would do: the other is there so that a node may go. Nothing moves forward while it is missing."""
    story.edit(serving={"replicas": 10})
    story.rests(10)
    story.asks("v2", weight(5, minDuration="20s"), weight(50), minPods=2)
    story.reaches(at("w5"))
    assert (story.pods("v2"), story.pods("v1")) == (2, 10)
    story.happens("one pod of v2 is gone", room={"v2": 1})
    story.rests(40)
    assert story.share("v2") == 5, story.transcript()
    story.happens("it is back", room={})
    story.reaches(promoted).rests(15)


@case("A1", "S01", begins=True)
def a_first_version_serves_at_once(story: Story) -> None:
    """Nothing serves yet: pods, then the route, then it is stable; no stage, no analysis."""
    story.reaches(promoted).rests(5)


@case("A2")
def a_hold_by_hand_holds(story: Story) -> None:
    """Ten percent, then a gate: the route says 90 to 10 for as long as nobody says to go on."""
    story.asks("v2", weight(10), gate())
    story.reaches(at("sign-off")).rests(120)


@case("A3", "S05", "S07")
def a_hold_is_passed_and_promotion_moves_no_pod(story: Story) -> None:
    """Behind the gate the candidate is promoted by the route alone; the old pods go after they drained."""
    story.asks("v2", weight(10), gate())
    story.reaches(at("sign-off")).rests(5)
    story.order("advance", reason="looks right")
    story.reaches(promoted).rests(15)


@case("A4")
def pods_that_never_come_get_no_request(story: Story) -> None:
    """No pod of the candidate becomes ready: after the deadline it is taken back without having had a request."""
    story.edit(serving=SOON)
    story.happens("no pod of v2 becomes ready", room={"v2": 0})
    story.asks("v2", weight(10), weight(50))
    story.reaches(taken_back).rests(15)


@case("A5")
def a_step_waits_for_every_pod(story: Story) -> None:
    """Ten percent of four pods take one, fifty take two: there is room for one, and the weight waits for the other."""
    story.edit(serving={"replicas": 4})
    story.happens("there is room for one pod of v2", room={"v2": 1})
    story.asks("v2", weight(10), weight(50))
    story.reaches(at("w10")).rests(60)
    assert story.share("v2") == 10
    story.happens("there is room for more", room={})
    story.reaches(promoted).rests(15)


@case("A6")
def a_stage_ends_by_itself_after_its_time(story: Story) -> None:
    """Thirty seconds are thirty seconds, counted from the proof."""
    story.asks("v2", weight(10, minDuration="30s"))
    story.reaches(promoted).rests(15)


@case("A6")
def a_gate_longer_than_the_start_deadline_is_no_failure(story: Story) -> None:
    """A hold without an end does not degrade when the deadline for pods is over."""
    story.edit(serving=SOON)
    story.asks("v2", weight(10), gate())
    story.reaches(at("sign-off")).rests(120)


@case("A7")
def a_stage_is_skipped_by_name_then_aborted_then_tried_again(story: Story) -> None:
    """Whoever bypasses the evidence is named; after an abort a retry goes the whole way."""
    story.asks("v2", weight(10, minDuration="24h"), weight(50, minDuration="24h"))
    story.reaches(at("w10"))
    story.order("skip-stage", reason="tried on staging")
    story.reaches(at("w50"))
    story.order("abort", reason="not after all")
    story.reaches(taken_back).rests(15)
    story.asks("v2", weight(10), weight(50))
    story.reaches(promoted).rests(15)


@case("A13")
def version_and_number_of_pods_in_one_edit(story: Story) -> None:
    """Both arms get the new number, and the stages are gone through."""
    story.edit(serving={"replicas": 4}, modelVersion="v2")
    story.reaches(promoted).rests(15)


@case("A12")
def more_pods_while_a_gate_holds(story: Story) -> None:
    """Four pods become eight at a quarter: the candidate has two of them, stable eight, and the weight stays."""
    story.edit(serving={"replicas": 4})
    story.asks("v2", weight(25), gate())
    story.reaches(at("sign-off"))
    story.edit(serving={"replicas": 8})
    story.rests(10)
    story.edit(serving={"replicas": 4})
    story.rests(10)


@case("A14", "S07")
def a_late_abort_finds_stable_whole(story: Story) -> None:
    """With nearly all traffic on the candidate, stable still has every pod, so all can go back at once."""
    story.asks("v2", weight(50), bake={"duration": "10m", "holdback": 2})
    story.reaches(at("bake")).rests(30)
    story.order("abort")
    story.reaches(taken_back).rests(15)


@case("A15")
def two_promotions_in_a_row_rewrite_no_backend(story: Story) -> None:
    """Each version keeps its own Service; what serves is never selected anew."""
    story.asks("v2", weight(25), weight(75))
    story.reaches(promoted).rests(15)
    story.ask("v3")
    story.reaches(promoted).rests(15)


@case("S02")
def five_even_steps(story: Story) -> None:
    """10, 20, 30, 40, 50, all: each held at least its time, each seen in the traffic first."""
    story.asks("v2", *(weight(part, minDuration="15s") for part in (10, 20, 30, 40, 50)))
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 10, 20, 30, 40, 50, 100]


@case("S03")
def no_step_beyond_what_is_written(story: Story) -> None:
    """The ladder is written out, so there is nothing to overshoot: 20, 40, 50."""
    story.asks("v2", weight(20), weight(40), weight(50))
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 20, 40, 50, 100]


@case("S04")
def uneven_steps(story: Story) -> None:
    """1, 2, 10, 80, all."""
    story.asks("v2", weight(1), weight(2), weight(10), weight(80))
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 1, 2, 10, 80, 100]


@case("S06")
def no_step_forward_while_stable_could_not_take_it_back(story: Story) -> None:
    """Stable has no ready pod when the stage has been proven good: nothing moves until it has."""
    story.asks("v2", weight(10, minDuration="20s"), weight(50))
    story.reaches(at("w10")).rests(10)
    story.happens("no pod of v1 is ready", room={"v1": 0})
    story.rests(60)
    assert story.share("v2") == 10
    story.happens("the pods of v1 are back", room={})
    story.reaches(promoted).rests(15)
