"""A world that also tells what people and faults did to it, and the register of all cases."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from crossfade.api.v1alpha1.metrictemplate import MetricTemplateSpec
from crossfade.model.order import Verb
from crossfade.model.snapshot import Snapshot

from tests.simulation.invariants import watched
from tests.simulation.routes import reached, weights
from tests.simulation.world import START, World, promoted

When = Callable[["World"], bool]


@dataclass
class Story(World):
    """What happens to it is part of the transcript. `patience` is how many seconds longer than promised
    things may take."""

    rate: float = 2000.0
    patience: float = 0.0
    templates: dict[str, MetricTemplateSpec] = field(default_factory=dict)
    unkept: str = ""
    names: dict[str, str] = field(default_factory=dict)
    shares: list[int] = field(default_factory=list)

    def tell(self, words: str) -> None:
        """One line of what people or faults did."""
        self.lines.append(f"{self.now - START:6.1f} * {words}")

    def ask(self, version: str) -> None:
        """Change `spec.modelVersion`."""
        self.tell(f"the spec asks for {version}")
        super().edit(modelVersion=version)

    def asks(self, version: str, *stages: dict[str, Any], **more: Any) -> None:
        """Ask for a version by these stages, in one edit; `more` are further fields of the strategy."""
        rungs = ", ".join(one["name"] for one in stages)
        self.tell(f"the spec asks for {version} by the stages {rungs}" + "".join(f", {k}={more[k]}" for k in more))
        super().edit(modelVersion=version, strategy=ladder(*stages, **more))

    def edit(self, **changes: Any) -> None:
        """Change the spec, and say which fields."""
        self.tell("the spec is edited: " + ", ".join(f"{name}={changes[name]}" for name in changes))
        super().edit(**changes)

    def order(self, verb: Verb, token: str = "1", by: str = "ann", reason: str = "") -> None:
        """kubectl annotate."""
        self.tell(f"{by} says crossfade.dev/{verb}: {token}")
        super().order(verb, token, by, reason)

    def delete(self) -> None:
        """kubectl delete."""
        self.tell("the Rollout is deleted")
        super().delete()

    def happens(self, words: str, **knobs: Any) -> None:
        """A fault comes or goes: the world's knobs are set."""
        self.tell(words)
        for name, value in knobs.items():
            setattr(self, name, value)

    def reaches(self, when: When, within: float = 300.0) -> "Story":
        """Go on until it is so; it must become so."""
        self.run(within, until=when)
        assert when(self), "it never came to this:\n" + self.transcript()
        return self

    def rests(self, seconds: float = 60.0) -> "Story":
        """Let time pass."""
        self.run(seconds)
        return self

    def revision(self, version: str) -> str:
        """The newest revision of a version."""
        return next(name for name, one in reversed(self.revisions.items()) if one.arm[0] == version)

    def snapshot(self) -> Snapshot:
        """All that a decision may see."""
        seen = super().snapshot()
        read, spec = seen.evidence, seen.rollout.spec
        if read is not None and read.metrics and spec is not None:  # every metric shows the same counters
            read = replace(read, metrics={one.name: read.metrics["errors"] for one in spec.analysis.metrics})
        return replace(seen, templates=self.templates, evidence=read, unkept=self.unkept)

    def _once(self) -> None:
        super()._once()
        for name, one in self.revisions.items():
            self.names.setdefault(name, self._called(one.arm[0]))
        if not self.shares or self.shares[-1] != self.share(self.spec["modelVersion"]):
            self.shares.append(self.share(self.spec["modelVersion"]))

    def _called(self, version: str) -> str:
        """`v2`, and `v2'` for another revision of the same version."""
        return version + "'" * sum(one.rstrip("'") == version for one in self.names.values())

    # what is compared

    def transcript(self) -> str:
        """All that was decided and done, revisions by their version, what only goes on told by its first and last."""
        lines: list[str] = []
        for line in self.lines:
            for name, called in self.names.items():
                line = line.replace(name, called)
            lines.append(line)
        return "\n".join(line.rstrip() for line in _thinned(lines))

    def end(self) -> str:
        """How it ended, without the times: the same whatever order things came in."""
        status, called = self.status, self.names
        pods = sorted(f"{called[name]} {self.ready(name)}/{one.replicas}" for name, one in self.revisions.items())
        shares = {called.get(name, name): weight for name, weight in self.served_by().items()}
        also = sorted(called.get(name, name) for name in reached(self.route) - set(self.served_by()))
        lines = [
            f"route: {', '.join(f'{name} {weight}' for name, weight in shares.items())}"
            + (f"; also reached: {', '.join(also)}" if also else ""),
            f"pods ready: {', '.join(pods)}",
            f"says: {self.plan.situation.standing.value} {self.plan.situation.reason}" if self.plan else "",
            f"stable: {status.stable.model_version if status.stable else '-'}"
            + (f", candidate: {status.candidate.model_version}" if status.candidate else "")
            + (f", stage: {status.stage.summary}" if status.stage else ""),
            f"ended so far: {', '.join(f'{e.model_version} {e.result} {e.cause}' for e in status.history) or '-'}",
        ]
        lines += [f"order: {one.verb} {one.token} {one.effect}" for one in status.handled]
        lines += ["the Rollout is held by its finalizer"] if self.finalizer else []
        lines += ["requests failed for want of a ready pod"] if self.failed_by_route else []
        return "\n".join(lines)

    def served_by(self) -> Mapping[str, int]:
        """The users' weights of the stored route."""
        return weights(self.route)


def _thinned(lines: list[str]) -> list[str]:
    """Of lines that say the same but for figures, the first and the last."""
    kept: list[str] = []
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if kept and _gist(line) == _gist(kept[-1]) == _gist(after):
            continue
        kept.append(line)
    return kept


def _gist(line: str) -> str:
    """Standing, reason and stage of a sentence; all of any other line."""
    told = line[6:].strip()
    return ":".join(told.split(":")[:2]) if told.startswith(("InProgress ", "Accepted ")) else line


@dataclass(frozen=True, slots=True)
class Case:
    """One rollout: the numbers it stands for, what it starts with, and what happens."""

    name: str
    numbers: tuple[str, ...]
    tells: str
    play: Callable[[Story], None]
    begins: bool
    world: type[Story]
    knobs: Mapping[str, Any]

    def on(self, world: type[Story] | None = None, **more: Any) -> Story:
        """Play it on a world of this kind, or of its own; every promise is checked after each pass."""
        story = (world or self.world)(**{**{name: _copied(value) for name, value in self.knobs.items()}, **more})
        watched(story)
        if not self.begins:
            story.reaches(promoted)
            story.rests(3)
            story.lines.clear()
            story.shares.clear()
            story.failed_by_route = 0.0
        self.play(story)
        return story


def _copied(value: Any) -> Any:
    return type(value)(value) if isinstance(value, dict | set) else value


CASES: list[Case] = []


def case(
    *numbers: str, begins: bool = False, world: type[Story] = Story, **knobs: Any
) -> Callable[[Callable[[Any], None]], Case]:
    """Register a case. `begins` when nothing serves yet; else v1 does. `knobs` are the world's."""

    def register(play: Callable[[Any], None]) -> Case:
        made = Case(play.__name__, numbers, " ".join((play.__doc__ or "").split()), play, begins, world, knobs)
        assert all(one.name != made.name for one in CASES), made.name
        CASES.append(made)
        return made

    return register


# words for moments


def at(name: str, *, proven: bool = True) -> When:
    """The stage of this name runs, and is proven live."""

    def check(world: World) -> bool:
        stage = world.status.stage
        return stage is not None and stage.name == name and (not proven or stage.proven_at is not None)

    return check


def taken_back(world: World) -> bool:
    """The last rollout was rolled back or aborted, and nothing is under way."""
    end = world.status.outcome
    return end is not None and end.result in ("RolledBack", "Aborted") and world.status.candidate is None


def says(reason: str) -> When:
    """The situation is told with this reason."""
    return lambda world: world.plan is not None and world.plan.situation.reason == reason


def ladder(*stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A strategy; a stage lasts at least three seconds unless it says otherwise."""
    return {"stages": [{"minDuration": "3s", **stage} for stage in stages], **more}


def weight(part: int, **more: Any) -> dict[str, Any]:
    """A stage that gives so much, called `w<part>`."""
    return {"name": f"w{part}", "weight": part, **more}


def gate(name: str = "sign-off", **more: Any) -> dict[str, Any]:
    """A stage that people alone end."""
    return {"name": name, "gate": "Manual", **more}


__all__ = ["CASES", "Case", "Story", "at", "case", "gate", "ladder", "promoted", "says", "taken_back", "weight"]
