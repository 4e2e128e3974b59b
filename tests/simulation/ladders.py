"""The ladders that a small world goes up; `pods` without a gateway."""

from collections.abc import Mapping
from typing import Any

_SHORT = {"minDuration": "5s", "maxDuration": "10s"}
LADDERS: Mapping[str, dict[str, Any]] = {
    "weights": {"stages": [{"name": "ten", "weight": 10, **_SHORT}, {"name": "half", "weight": 50, **_SHORT}]},
    "shapes": {
        "stages": [
            {"name": "copy", "shadow": 50, **_SHORT, "onInconclusive": "Advance"},
            {"name": "team", "match": {"headers": [{"name": "x", "value": "y"}]}, **_SHORT},
            {"name": "ask", "gate": "Manual", "minDuration": "5s"},
        ],
        "bake": {"duration": "5s", "holdback": 2},
    },
    "back": {
        "stages": [{"name": "half", "weight": 50, **_SHORT}],
        "rollbackWindow": {"revisions": 1},
        "keepPrevious": "10s",
    },
    "matched": {"stages": [{"name": "half", "weight": 50, **_SHORT}], "stableCapacity": "MatchTraffic"},
    "pods": {"stages": [{"name": "ten", "weight": 10, **_SHORT}, {"name": "ask", "gate": "Manual", **_SHORT}]},
    "impatient": {
        "weightScale": 1000,
        "stages": [
            {"name": "few", "weight": 5, **_SHORT, "onInconclusive": "Advance"},
            {"name": "half", "weight": 500, "gate": "Manual", **_SHORT, "onInconclusive": "Rollback"},
        ],
    },
}
