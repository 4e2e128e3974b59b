"""What the candidate gets, whatever kind of stage gives it, and what the route must say for that."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from crossfade.api.v1alpha1.rollout import TrafficStatus
from crossfade.api.v1alpha1.strategy import HeaderMatch, Scale, Stage


@dataclass(frozen=True, slots=True)
class Shape:
    """`weight` parts of `scale`; or a copy of `shadow` percent of the requests; or those with all of `headers`."""

    weight: int = 0
    scale: Scale = 100
    shadow: int | None = None
    headers: tuple[HeaderMatch, ...] = ()

    @property
    def percent(self) -> float:
        """Share of the requests that the route gives to it; a copy is none."""
        return self.weight if self.scale == 100 else 100 * self.weight / self.scale

    @property
    def expected(self) -> float:
        """Percent of all requests counted at both arms' pods that should be its own; 0 when that cannot be known."""
        return 100 * self.shadow / (100 + self.shadow) if self.shadow else self.percent

    @property
    def is_nothing(self) -> bool:
        """Whether not one request reaches it, not even a copy."""
        return not (self.weight or self.shadow or self.headers)

    @property
    def is_all(self) -> bool:
        """Whether it gets every request."""
        return self.weight == self.scale

    def equals(self, other: "Shape") -> bool:
        """Whether it gives the same, on whatever scale."""
        same = self.weight * other.scale == other.weight * self.scale
        return same and (self.shadow, self.headers) == (other.shadow, other.headers)

    def gives_no_more_than(self, other: "Shape") -> bool:
        """Whether its weight is no larger a share than the other's."""
        return self.weight * other.scale <= other.weight * self.scale

    def __str__(self) -> str:
        """Such as `10%`, `a copy of 50%`, `those with x-team: risk`, `nothing`."""
        if self.shadow:
            return f"a copy of {self.shadow}%"
        if self.headers:
            return "those with " + " and ".join(f"{one.name}: {one.value}" for one in self.headers)
        return f"{self.percent:g}%" if self.weight else "none"


NOTHING = Shape()


def shape_of(stage: Stage, scale: Scale) -> Shape | None:
    """What a stage gives; None of one without a shape of its own, which keeps what the one before it gave."""
    if stage.weight is not None:
        return Shape(stage.weight, scale)
    if stage.shadow is not None:
        return Shape(0, scale, shadow=stage.shadow)
    if stage.match is not None:
        return Shape(0, scale, headers=tuple(stage.match.headers))
    return None


def asked_for(traffic: TrafficStatus | None) -> Shape:
    """What the status says is asked for."""
    if traffic is None:
        return NOTHING
    return Shape(traffic.desired, traffic.scale, traffic.shadow, tuple(traffic.match or ()))


def given_by(traffic: TrafficStatus | None) -> Shape:
    """What the status says is written: less than asked for while pods are missing, and neither cohort nor copy where
    nothing is left of it."""
    asked = asked_for(traffic)
    if traffic is None or traffic.reduced is None:
        return asked
    return replace(asked, weight=traffic.reduced) if traffic.reduced else Shape(0, asked.scale)


def expected_by(traffic: TrafficStatus | None) -> float:
    """Percent of all requests counted at both arms' pods that should be the candidate's by that; 0 if unknown."""
    if traffic is not None and traffic.given is not None:
        return 100 * traffic.given.pods / traffic.given.of
    return given_by(traffic).expected


def intent(shape: Shape, pods: int) -> TrafficStatus:
    """The same for the status, given to so many ready pods and acknowledged by nobody yet."""
    match = list(shape.headers) or None
    return TrafficStatus(desired=shape.weight, scale=shape.scale, shadow=shape.shadow, match=match, pods=pods)


@dataclass(frozen=True, slots=True)
class Split:
    """What the route must say: weights by revision, which sum to the scale; `mirrored` is (revision, percent),
    `matched` (revision, headers)."""

    weights: Mapping[str, int]
    mirrored: tuple[str, int] | None = None
    matched: tuple[str, tuple[HeaderMatch, ...]] | None = None

    @property
    def reached(self) -> frozenset[str]:
        """All revisions that any request may get to, be it a copy or one with the cohort's headers."""
        further = [one[0] for one in (self.mirrored, self.matched) if one is not None]
        return frozenset((*self.weights, *further))

    def share(self, revision: str) -> float:
        """Which part of the users' requests the revision gets, from 0 to 1."""
        return self.weights.get(revision, 0) / sum(self.weights.values())

    def __str__(self) -> str:
        """Such as `fraud-1 90%, fraud-2 10%`."""
        total = sum(self.weights.values())
        said = [f"{revision} {100 * weight / total:g}%" for revision, weight in self.weights.items()]
        said += [f"{self.mirrored[0]} a copy of {self.mirrored[1]}%"] if self.mirrored else []
        said += [f"{self.matched[0]} what has its headers"] if self.matched else []
        return ", ".join(said)


def alone(revision: str) -> Split:
    """One arm serves everything."""
    return Split({revision: 100})


def split(stable: str, candidate: str, shape: Shape) -> Split:
    """Both arms. One that should get nothing is left out: a weight of 0 is not trusted."""
    if shape.is_all:
        return alone(candidate)
    if not shape.weight:
        mirrored = (candidate, shape.shadow) if shape.shadow else None
        return Split({stable: 100}, mirrored, (candidate, shape.headers) if shape.headers else None)
    return Split({stable: shape.scale - shape.weight, candidate: shape.weight})
