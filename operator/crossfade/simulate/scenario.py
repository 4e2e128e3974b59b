"""What is simulated: a service, what is wrong with its candidate, and what the rollout is held to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from crossfade.api.v1alpha1.analysis import Analysis
from crossfade.api.v1alpha1.strategy import Stage
from crossfade.decide.judge.replay import calibrated
from crossfade.decide.judge.rules import Kind, Rules, rules_of
from crossfade.simulate.history import drawn_past
from crossfade.simulate.service import PLAIN, SAME, Regression, Service

HORIZON = 2400.0
"""How long (s) a rollout is watched when nothing else is said."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`templates` says what metrics that name a template are. Runs that decide nothing end at `horizon` (s).

    Uncalibrated, the judge knows nothing of the service before the first window.
    """

    analysis: Analysis
    stages: tuple[Stage, ...]
    service: Service = PLAIN
    regression: Regression = SAME
    templates: Mapping[str, Kind] = field(default_factory=dict)
    horizon: float = HORIZON
    calibrated: bool = True

    def rules(self, seed: int, at: int) -> Rules:
        """What the runs of block `at` are judged by, given what the service has shown before."""
        rules = rules_of(self.analysis, self.stages, self.service.step, self.templates)
        return calibrated(rules, drawn_past(self.service, self.kinds(), seed, at)).rules if self.calibrated else rules

    def kinds(self) -> tuple[tuple[str, Kind], ...]:
        """Name and kind of each metric."""
        rules = rules_of(self.analysis, self.stages, self.service.step, self.templates)
        return tuple((metric.name, "gauge" if metric.rule else metric.kind) for metric in rules.metrics)
