"""A route of somebody else's, as Git has it, and the spec that moves two of its weights."""

from typing import Any

from crossfade.decide.slots import slot_names

from tests.simulation.world import NAME, spec

Json = dict[str, Any]
BLUE, GREEN = slot_names(NAME)
RULE = "model"


def adopting(version: str = "v1", **changes: Any) -> Json:
    """A spec that moves the weights of the rule `model` of the HTTPRoute `shop`."""
    gateway = {"mode": "Adopted", "adopted": {"name": "shop", "rule": RULE}}
    return spec(version, traffic={"gatewayAPI": gateway}, **changes)


def rule(*weights: int, **more: Any) -> Json:
    """The rule as Git has it."""
    backends = [{"name": name, "port": 80, "weight": w} for name, w in zip((BLUE, GREEN), weights, strict=True)]
    return {"name": RULE, "backendRefs": backends, "matches": [{}], **more}


def shop(*rules: Json) -> Json:
    """The route as Git has it."""
    return {"parentRefs": [{"name": "public", "namespace": "gateways"}], "rules": list(rules)}
