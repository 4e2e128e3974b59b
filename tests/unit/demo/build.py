"""Builders of what the demo reports on: requests with round figures, and states of a Rollout."""

from typing import Any

from testbed.load import Sample
from testbed.load.verdict import Blame

BAD, BETTER = "tumour-classifier-3", "tumour-classifier-2"


def sample(at: float, arm: str | None, blame: Blame | None = None) -> Sample:
    """A request sent at `at` (Unix time) whose answer took 0.1 s and which was sent 0.05 s late."""
    return Sample(
        scheduled=at - 0.05,
        wall=at - 0.05,
        lateness=0.05,
        latency=0.1,
        body=0,
        status=200 if blame is None else 500,
        arm=arm,
        blame=blame,
        error=None,
    )


def arm(name: str, revision: str) -> dict[str, Any]:
    """A stable or a candidate in a status."""
    return {"modelVersion": name, "revision": revision, "digest": "sha256:" + revision[-1] * 64}


def outcome(name: str, revision: str, result: str, cause: str) -> dict[str, Any]:
    """How a rollout ended."""
    return {
        "result": result,
        "cause": cause,
        "message": f"{name}: {result}",
        "modelVersion": name,
        "revision": revision,
        "at": "2026-11-22T05:00:00.000000Z",
        "asked": "0123456789abcdef",
    }


def rollout(sentence: str, **status: Any) -> dict[str, Any]:
    """A Rollout whose condition Ready says `sentence`."""
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "Analysing",
        "message": sentence,
        "lastTransitionTime": "2026-11-22T05:00:00Z",
    }
    return {"kind": "Rollout", "status": {"conditions": [ready], "observedGeneration": 3, **status}}
