"""What stages need of a gateway beyond the core of the Gateway API, and which published lists lack it."""

from collections.abc import Iterable

from crossfade.decide.route_kinds import RouteKind
from crossfade.decide.shapes import Shape
from crossfade.decide.stages import Step
from crossfade.model.gateway import GatewayFacts


def needed(shape: Shape, kind: RouteKind) -> tuple[str, ...]:
    """The features by which a gateway says that it can do this."""
    if not shape.shadow:
        return ()
    return kind.mirror if shape.shadow == 100 else (*kind.mirror, *kind.percentage)


def missing(steps: Iterable[Step], kind: RouteKind, gateways: Iterable[GatewayFacts]) -> str | None:
    """The sentence about the first stage that a published list speaks against. No list speaks against nothing."""
    known = [one for one in gateways if one.features is not None]
    for step in steps:
        for gateway in known:
            lacking = [one for one in needed(step.shape, kind) if one not in (gateway.features or ())]
            if lacking:
                return (
                    f"{step.summary} needs {' and '.join(lacking)}, and the class {gateway.class_name} of {gateway}"
                    f" does not list {'it' if len(lacking) == 1 else 'them'} in `status.supportedFeatures`: take"
                    f" `shadow` out of the stage {step.name} in `spec.strategy.stages`, or name a Gateway of another"
                    " class in `spec.traffic.gatewayAPI.parentRefs`"
                )
    return None
