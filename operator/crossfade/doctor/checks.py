"""All checks by name, in the order in which they are told: what each asks, and what must be readable for it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crossfade.doctor import gateways, metrics, namespaces, objects, operators, platform, registries, routes, volumes
from crossfade.doctor.facts import Facts
from crossfade.doctor.finding import Finding, Level, ok, unseen


@dataclass(frozen=True, slots=True)
class Check:
    """`asks` is the question, `reads` are the plural names in LISTS without which it cannot be answered."""

    name: str
    asks: str
    reads: tuple[str, ...]
    judge: Callable[[Facts], Iterator[Finding]]

    def run(self, facts: Facts) -> tuple[Finding, ...]:
        """What it says. What could not be read is said, and nothing is made up for it."""
        troubles = {facts.kinds[kind].trouble: kind for kind in self.reads if kind in facts.kinds}
        hidden = [
            unseen(trouble, f"be somebody who may get and list {kind}; docs/doctor.md has the whole role")
            for trouble, kind in troubles.items()
            if trouble
        ]
        return tuple(hidden or self.judge(facts)) or (ok("there is nothing to look at yet"),)


_ROLLOUTS = ("rollouts",)
CHECKS: tuple[Check, ...] = (
    Check("kubernetes", "Is the Kubernetes version one that Crossfade supports?", (), platform.kubernetes),
    Check(
        "kinds",
        "Are Crossfade's kinds installed, with the fields that this program knows?",
        ("definitions",),
        platform.kinds,
    ),
    Check(
        "operator",
        "Is there an operator, are its pods ready, and are no two in each other's way?",
        ("operators",),
        operators.running,
    ),
    Check(
        "release", "Are chart, operator, loader and this program of one release?", ("operators",), operators.releases
    ),
    Check(
        "leader", "Does one replica hold the Lease, and has it renewed it lately?", ("operators",), operators.leading
    ),
    Check("rights", "May the operator's account do all that it must?", ("operators",), operators.allowed),
    Check(
        "gateway-api",
        "Is the Gateway API installed, in a version that is spoken?",
        ("definitions", *_ROLLOUTS),
        gateways.definitions,
    ),
    Check(
        "gateway-classes",
        "Has a controller accepted each GatewayClass, and what does it list?",
        ("gatewayclasses", "gateways"),
        gateways.classes,
    ),
    Check(
        "gateways",
        "Are the Gateways that Rollouts name programmed, with listeners that work?",
        ("gateways", *_ROLLOUTS),
        gateways.gateways,
    ),
    Check(
        "routes",
        "Do these Gateways take the Rollouts' routes, and can they do what the stages need?",
        ("gateways", "gatewayclasses", "namespaces", *_ROLLOUTS),
        routes.routes,
    ),
    Check(
        "prometheus",
        "Does Prometheus answer, by a clock that agrees with the API server's?",
        ("operators",),
        metrics.answering,
    ),
    Check(
        "scrapes",
        "Are pods of each version scraped, with the labels that tell versions apart, often enough?",
        ("operators", *_ROLLOUTS),
        metrics.scrapes,
    ),
    Check(
        "metrics",
        "Can the metrics of each Rollout be read, and is there something to read?",
        ("operators", "metrictemplates", *_ROLLOUTS),
        metrics.queries,
    ),
    Check(
        "pods",
        "Do namespaces let in the pods that Rollouts ask for?",
        ("namespaces", "deployments", *_ROLLOUTS),
        namespaces.pods,
    ),
    Check(
        "network",
        "Does a NetworkPolicy look as if it cut off operators, loaders or model servers?",
        ("networkpolicies", "operators", *_ROLLOUTS),
        namespaces.connections,
    ),
    Check(
        "autoscaling",
        "Are the numbers served by which Rollouts with an autoscaler scale?",
        ("apigroups", *_ROLLOUTS),
        namespaces.autoscaling,
    ),
    Check(
        "registries",
        "Are ModelRegistries ready, and do the Secrets and ConfigMaps that they name have the right keys?",
        ("modelregistries",),
        registries.registries,
    ),
    Check(
        "volumes",
        "Are the claims there that models lie on, and may all their pods mount them?",
        ("modelversions", "persistentvolumeclaims", *_ROLLOUTS),
        volumes.volumes,
    ),
    Check(
        "standing",
        "Does an object stand still until somebody changes something, or is it not looked at?",
        ("rollouts", "modelversions", "modelsources", "modelregistries"),
        objects.standing,
    ),
    Check(
        "leftovers", "Is something left of Rollouts that are gone?", (*objects.CHILDREN, *_ROLLOUTS), objects.leftovers
    ),
)


def examined(facts: Facts) -> tuple[tuple[Check, tuple[Finding, ...]], ...]:
    """All checks with what they say."""
    return tuple((check, check.run(facts)) for check in CHECKS)


def status_of(findings: tuple[Finding, ...]) -> int:
    """The exit status: 1 with a fault, 2 without one where something could not be looked at, 0 where it works."""
    levels = {one.level for one in findings}
    return 1 if Level.FAULT in levels else 2 if Level.UNSEEN in levels else 0
