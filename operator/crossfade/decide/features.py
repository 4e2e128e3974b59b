"""What stages need of a gateway beyond the core of the Gateway API, and which published lists lack it."""

from collections.abc import Iterable

from crossfade.decide.shapes import Shape
from crossfade.decide.stages import Step
from crossfade.model.gateway import GatewayFacts

MIRROR = "HTTPRouteRequestMirror"
PERCENTAGE = "HTTPRouteRequestPercentageMirror"
"""Names as in the Gateway API's pkg/features. Matching a header has none: it is core, as are weights."""


def needed(shape: Shape) -> tuple[str, ...]:
    """The features by which a gateway says that it can do this."""
    if not shape.shadow:
        return ()
    return (MIRROR,) if shape.shadow == 100 else (MIRROR, PERCENTAGE)


def missing(steps: Iterable[Step], gateways: Iterable[GatewayFacts]) -> str | None:
    """The sentence about the first stage that a published list speaks against. No list speaks against nothing."""
    known = [one for one in gateways if one.features is not None]
    for step in steps:
        for gateway in known:
            lacking = [one for one in needed(step.shape) if one not in (gateway.features or ())]
            if lacking:
                return (
                    f"{step.summary} needs {' and '.join(lacking)}, and the class {gateway.class_name} of {gateway}"
                    f" does not list {'it' if len(lacking) == 1 else 'them'} in `status.supportedFeatures`: take"
                    f" `shadow` out of the stage {step.name} in `spec.strategy.stages`, or name a Gateway of another"
                    " class in `spec.traffic.gatewayAPI.parentRefs`"
                )
    return None
