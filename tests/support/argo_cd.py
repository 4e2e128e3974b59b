"""Argo CD's own code (testbed/argocd-oracle) with the configuration of a bed: what it would show of objects."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from testbed.bed import Bed

Object = dict[str, Any]

CONFIGURATION = Path(__file__).parents[2] / "argocd" / "argocd-cm.yaml"
DIFFS = {"client-side diff": (), "server-side diff": ("-server-side-diff",)}
"""How Argo CD compares: by itself, as it does at first, or by what the API server would make of it."""


@dataclass(frozen=True)
class ArgoCD:
    """The program, and the namespace of its ConfigMap."""

    bed: Bed
    program: str
    namespace: str

    def says(
        self,
        pairs: Iterable[tuple[Object | None, Object]],
        diff: str = "client-side diff",
        ignored: Sequence[Object] = (),
    ) -> list[Object]:
        """Of each object as it is applied (None where that does not matter) and as it is: `modified`, `live` and
        `predicted`, `health` and `actions`. `ignored` is an Application's `spec.ignoreDifferences`. TestbedError where
        Argo CD itself fails."""
        asked = "\n".join(json.dumps({"target": target, "live": live}) for target, live in pairs)
        words = ["-namespace", self.namespace, "-ignore", json.dumps(list(ignored)), *DIFFS[diff]]
        return [json.loads(line) for line in self.bed.run([self.program, *words], text=asked).splitlines()]

    def differences(self, pairs: Iterable[tuple[Object, Object]], ignored: Sequence[Object] = ()) -> list[str]:
        """What would be shown as out of sync, and by which way of comparing: as a person reads it."""
        given = list(pairs)
        return [
            f"{diff}: {live['kind']}/{live['metadata']['name']}: {one['live']} -> {one['predicted']}"
            for diff in DIFFS
            for (_, live), one in zip(given, self.says(given, diff, ignored), strict=True)
            if one["modified"]
        ]


def configured(bed: Bed, program: str, namespace: str) -> ArgoCD:
    """With our part of the configuration, and no more, in a namespace that is there."""
    ours = yaml.safe_load(CONFIGURATION.read_text())
    ours["metadata"]["namespace"] = namespace
    bed.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(ours))
    return ArgoCD(bed, program, namespace)
