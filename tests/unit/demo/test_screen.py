"""Would catch a screen that hides what matters: weights, errors of a version, the operator's word, slow steps."""

import io

from rich.console import Console

from demo.board import Board
from demo.endpoint import Endpoint
from demo.plain import Plain
from demo.screen import Screen
from demo.traffic import Tally
from testbed.load.verdict import Blame
from tests.unit.demo.build import BAD, BETTER, arm, outcome, rollout, sample


def _split(desired: int = 10, acknowledged: int | None = 10) -> dict[str, object]:
    traffic = {"desired": desired} | (
        {} if acknowledged is None else {"acknowledged": acknowledged, "observed": "9.8%"}
    )
    return rollout("1/2 tenth: errors: 2 of 61", stable=arm(BETTER, "r2"), candidate=arm(BAD, "r3"), traffic=traffic)


def _board() -> tuple[Board, list[str]]:
    """A board that is told as lines."""
    lines: list[str] = []
    return Board(Endpoint("tumour-classifier"), Tally(), Plain(lines.append)), lines


def _painted(board: Board) -> str:
    console = Console(file=io.StringIO(), width=130, record=True)
    console.print(Screen(console).render(board))
    return console.export_text()


def _row(picture: str, name: str) -> list[str]:
    return next(line for line in picture.splitlines() if name in line).strip("│ ").split()


def test_each_version_has_its_role_weights_requests_and_errors() -> None:
    board, _ = _board()
    board.endpoint.learn(_split(), 1.0)
    for blame in (None, Blame.MODEL):
        board.tally.add(sample(1.0, BAD, blame))
    board.tally.add(sample(1.0, BETTER))
    board.tally.add(sample(1.0, None, Blame.MODEL))
    picture = _painted(board)
    assert _row(picture, BETTER) == [BETTER, "stable", "90%", "90%", "1", "0", "0"]
    assert _row(picture, BAD) == [BAD, "candidate", "10%", "10%", "9.8%", "2", "0", "1"]
    assert _row(picture, "unnamed")[-1] == "1"
    assert "errors: 2 of 61" in picture


def test_a_weight_that_is_not_acknowledged_is_not_shown_as_such() -> None:
    board, _ = _board()
    board.endpoint.learn(_split(50, None), 1.0)
    assert _row(_painted(board), BAD)[2:5] == ["50%", "-", "-"]


def test_a_version_that_was_rolled_back_stays_on_the_screen_as_that() -> None:
    board, _ = _board()
    board.endpoint.learn(_split(), 1.0)
    end = outcome(BAD, "r3", "RolledBack", "MetricRegressed")
    board.endpoint.learn(rollout("it was rolled back", stable=arm(BETTER, "r2"), outcome=end), 2.0)
    assert _row(_painted(board), BAD)[1:3] == ["rolled", "back"]


def test_a_screen_without_a_rollout_shows_its_steps() -> None:
    board, _ = _board()
    with board.step("start the cluster") as step:
        board.note(step, "API server ready")
        picture = _painted(board)
    assert "start the cluster" in picture
    assert "API server ready" in picture


def test_lines_tell_each_step_and_each_change_of_weights_once() -> None:
    board, lines = _board()
    with board.step("start the cluster") as step:
        board.note(step, "API server ready")
    for state in (_split(10, None), _split(10, None), _split(10), _split(10)):
        board.endpoint.learn(state, 1.0)
        board.audience.changed(board)
    assert [line.partition(" s ")[2].partition(" (")[0] for line in lines[:3]] == [
        "… start the cluster",
        "  API server ready",
        "✓ start the cluster",
    ]
    assert len(lines) == 5
