"""In which order Argo CD applies what Git has, and what it waits for, by the rule that its documentation states.

Its server is not run. There are no hooks here, so that all is of one phase; then come waves, kinds and names.
"""

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from crossfade.api.kinds import KINDS

from tests.support.looks import DEGRADED, HEALTHY, health

Object = dict[str, Any]

WAVE = "argocd.argoproj.io/sync-wave"


def waves(objects: Iterable[Object]) -> list[list[Object]]:
    """The objects by their waves, each in the order in which they are applied."""
    return [list(wave) for _, wave in groupby(sorted(objects, key=_place), _wave)]


def title(one: Object) -> str:
    """Such as `Rollout/fraud-detector`."""
    return f"{one['kind']}/{one['metadata']['name']}"


class Sync:
    """One sync of an Application, look after look. `phase` is Running, Succeeded or Failed."""

    def __init__(self, objects: Iterable[Object]) -> None:
        self._waves = waves(objects)
        self._judged: dict[str, str] = {}
        self.applied: list[list[str]] = []
        self.phase = "Running"

    @property
    def order(self) -> list[str]:
        """All that was applied, one after the other."""
        return [name for wave in self.applied for name in wave]

    def look(self, live: Callable[[Object], Object]) -> str:
        """Apply the next wave, if every object of the one before was seen to be healthy since it was applied; the last
        is not waited for. `live` gives an object as it is stored. Returns the phase."""
        if self.phase == "Running" and (not self.applied or self._is_let_on(live)):
            self.applied.append([title(one) for one in self._waves[len(self.applied)]])
            if len(self.applied) == len(self._waves):
                self.phase = "Succeeded"
        return self.phase

    def _is_let_on(self, live: Callable[[Object], Object]) -> bool:
        """Who is neither healthy nor degraded is waited for, and then one that is degraded is the end."""
        wave = self._waves[len(self.applied) - 1]
        for one in wave:
            look = health(live(one))["status"] if one["kind"] in KINDS else HEALTHY
            if look in (HEALTHY, DEGRADED):
                self._judged.setdefault(title(one), look)
        looks = [self._judged.get(title(one)) for one in wave]
        if None not in looks and DEGRADED in looks:
            self.phase = "Failed"
        return looks == [HEALTHY] * len(wave)


def _wave(one: Object) -> int:
    return int(one["metadata"].get("annotations", {}).get(WAVE, "0"))


def _place(one: Object) -> tuple[int, int, str]:
    """Namespaces come first, custom resources last, and among those the kind says nothing."""
    kind = 0 if one["kind"] == "Namespace" else 2 if one["kind"] in KINDS else 1
    return _wave(one), kind, str(one["metadata"]["name"])
