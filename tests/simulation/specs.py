"""Specs of Rollouts that the fake world begins with."""

from typing import Any

OBJECTIVE = {"relative": {"rollbackAbove": 10, "promoteWithin": 50}, "absolute": {"floor": "0.02"}}


def analysis(objective: dict[str, Any] = OBJECTIVE, **more: Any) -> dict[str, Any]:
    """An analysis of one metric, the share of errors."""
    return {"metrics": [{"name": "errors", "template": "mlserver/errors", "objective": objective}], **more}


def spec(version: str = "v1", **changes: Any) -> dict[str, Any]:
    """A Rollout's spec with two stages and one metric; `changes` replace top-level fields."""
    return {
        "modelVersion": version,
        "serving": {"replicas": 2},
        "traffic": {"gatewayAPI": {"parentRefs": [{"name": "public", "namespace": "gateways"}]}},
        "strategy": {
            "stages": [
                {"name": "ten", "weight": 10, "minDuration": "5s"},
                {"name": "half", "weight": 50, "minDuration": "5s"},
            ]
        },
        "analysis": analysis(),
        **changes,
    }
