"""What happened, in figures: from the record of every request and from what the Rollout's status said."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from crossfade.api.v1alpha1.rollout import Outcome
from pydantic.alias_generators import to_camel

from testbed.load import Sample
from testbed.load.verdict import Blame

_UNKNOWN = "unknown"
_LATE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's result; names are those of ModelVersions, times in seconds."""

    promoted: list[str]
    """Versions that replaced another one."""
    rolled_back: list[str]
    requests: int
    """All that were sent and finished, failed or not."""
    failed_by_route: int
    """Requests that no model server answered."""
    failed_by_model: dict[str, int]
    """Error answers of each version; MLServer's do not say which one gave them, and are those of `unknown`."""
    seconds_to_decision: float | None
    """From the first request that the bad version got until the status said that it was rolled back."""
    seconds_to_traffic_gone: float | None
    """From the same moment to the last answer of the bad version."""
    bad_answers: int
    """Error answers of models, but for those that another version is known to have given."""
    digests: dict[str, str]
    """What each version's bytes were verified to be."""
    wall_seconds: float
    seconds_sent_late: float
    """By how much the sender itself was late at most: more than a fraction of a second is an overloaded machine."""

    def write(self, path: Path) -> None:
        """Write it as JSON with camelCase keys."""
        content = {to_camel(key): value for key, value in asdict(self).items()}
        path.write_text(json.dumps(content, indent=2) + "\n")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report is made of. `versions` maps revision to ModelVersion; the other maps go by ModelVersion.

    `decided` is when an outcome was seen (Unix time).
    """

    samples: Sequence[Sample]
    versions: Mapping[str, str]
    outcomes: Mapping[str, Outcome]
    decided: Mapping[str, float]
    digests: Mapping[str, str]
    wall_seconds: float


def report(facts: Facts) -> Report:
    """Add everything up. The bad version is the one that was rolled back last."""
    promoted = [n for n, end in facts.outcomes.items() if end.result == "Promoted" and end.cause != "FirstVersion"]
    rolled_back = [name for name, end in facts.outcomes.items() if end.result == "RolledBack"]
    failed = dict.fromkeys(facts.versions.values(), 0)
    for sample in facts.samples:
        if sample.blame is Blame.MODEL:
            failed[sample.arm or _UNKNOWN] = failed.get(sample.arm or _UNKNOWN, 0) + 1
    bad = rolled_back[-1] if rolled_back else None
    mine = [sample for sample in facts.samples if bad is not None and sample.arm == bad]
    first = min((sample.wall + sample.lateness for sample in mine), default=None)
    last = max((sample.wall + sample.lateness + sample.latency for sample in mine), default=None)
    return Report(
        promoted=promoted,
        rolled_back=rolled_back,
        requests=len(facts.samples),
        failed_by_route=sum(sample.blame is Blame.ROUTE for sample in facts.samples),
        failed_by_model=failed,
        seconds_to_decision=None if first is None or bad is None else round(facts.decided[bad] - first, 2),
        seconds_to_traffic_gone=None if first is None or last is None else round(last - first, 2),
        bad_answers=0 if bad is None else failed[bad] + failed.get(_UNKNOWN, 0),
        digests=dict(facts.digests),
        wall_seconds=round(facts.wall_seconds, 1),
        seconds_sent_late=round(max((sample.lateness for sample in facts.samples), default=0.0), 2),
    )


def broken_promises(found: Report, promoted: Sequence[str], rolled_back: Sequence[str]) -> list[str]:
    """A sentence for each thing that did not go as the demo promises."""
    sentences = []
    if found.promoted != list(promoted):
        sentences.append(f"promoted were {_listed(found.promoted)} instead of {_listed(promoted)}")
    if found.rolled_back != list(rolled_back):
        sentences.append(f"rolled back were {_listed(found.rolled_back)} instead of {_listed(rolled_back)}")
    if found.failed_by_route:
        sentences.append(f"the route failed {found.failed_by_route} of {found.requests} requests instead of none")
    if sentences and found.seconds_sent_late > _LATE_SECONDS:
        sentences.append(
            f"requests were sent up to {found.seconds_sent_late:.1f} s late: this machine has too much else to do for "
            "two model servers; try again when it is quiet"
        )
    return sentences


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
