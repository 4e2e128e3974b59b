"""Plain thresholds for N of the last M scrapes: gauges depend on their own past too much for statistics."""

from collections.abc import Sequence
from typing import Literal

from crossfade.api.v1alpha1.objective import Rule


def breaks(rule: Rule, value: float) -> bool:
    """Whether the value breaks the rule."""
    return (rule.max is not None and value > float(rule.max)) or (rule.min is not None and value < float(rule.min))


def decided(rule: Rule, broken: Sequence[bool]) -> Literal["Regressed", "NonInferior", "Undecided"]:
    """Regressed as soon as `violations` of the last `windows` broke it; good enough once a whole span did not."""
    if sum(broken) >= rule.violations:
        return "Regressed"
    return "NonInferior" if len(broken) >= rule.windows else "Undecided"
