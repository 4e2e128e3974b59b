"""The cluster itself: Kubernetes' version, and whether the kinds that it has are those of this program."""

import re
from collections.abc import Iterable, Iterator

from crossfade.api.meta import VERSION
from crossfade.doctor.facts import Facts, condition, counted, listed
from crossfade.doctor.finding import Finding, fault, ok, warning
from crossfade.ports import Object

OLDEST, NEWEST = (1, 31), (1, 37)
"""The oldest Kubernetes that the chart takes and the newest: the two on which the tests run."""
_APPLY = "kubectl apply --server-side --force-conflicts -f crds/"


def kubernetes(facts: Facts) -> Iterator[Finding]:
    """Whether Kubernetes is one that Crossfade supports."""
    match = re.match(r"v?(\d+)\.(\d+)", facts.server)
    told = ".".join(map(str, OLDEST)), ".".join(map(str, NEWEST))
    version = (int(match[1]), int(match[2])) if match else (0, 0)
    if version < OLDEST:
        yield fault(
            f"Kubernetes is {facts.server or 'of no version'}, older than {told[0]}",
            "validations and drains that Crossfade rests on are not there",
            f"upgrade the control plane to {told[0]} or later",
        )
    elif version > NEWEST:
        yield warning(
            f"Kubernetes is {facts.server}, newer than {told[1]}",
            "this release was never tried on it",
            "upgrade Crossfade to a release that names it in docs/doctor.md, and look at its changelog",
        )
    else:
        yield ok(f"Kubernetes {facts.server} is supported ({told[0]} to {told[1]})")


def fields_of(schema: Object, at: str = "") -> Iterator[str]:
    """The paths of all fields of an OpenAPI schema, such as `spec.strategy.stages.weight`."""
    for name, inner in (schema.get("properties") or {}).items():
        path = f"{at}.{name}" if at else name
        yield path
        yield from fields_of(inner, path)
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from fields_of(inner, at)


def schema_of(definition: Object, version: str) -> Object | None:
    """The schema of a version that the API server serves; None where it does not."""
    for one in definition["spec"].get("versions") or ():
        if one["name"] == version and one.get("served"):
            return dict((one.get("schema") or {}).get("openAPIV3Schema") or {})
    return None


def definition_of(facts: Facts, name: str) -> Object | None:
    """A CustomResourceDefinition by its name."""
    return next((one for one in facts.all("definitions") if one["metadata"]["name"] == name), None)


def kinds(facts: Facts) -> Iterator[Finding]:
    """Whether Crossfade's kinds are there, and have the fields that this program knows."""
    found = [finding for name, known in sorted(facts.expected.items()) for finding in _kind(facts, name, known)]
    yield from found or [
        ok(f"{counted(len(facts.expected), 'kind')} are there, with the fields of release {facts.release}")
    ]


def _kind(facts: Facts, name: str, known: frozenset[str]) -> Iterator[Finding]:
    definition = definition_of(facts, name)
    if definition is None:
        yield fault(f"the kind {name} is not there", "its objects cannot be made", _APPLY)
        return
    schema, established = schema_of(definition, VERSION), condition(definition, "Established")
    if schema is None or not established or established["status"] != "True":
        what = f"does not serve {VERSION}" if schema is None else "is not established"
        yield fault(f"the kind {name} {what}", "the operator can neither read nor write it", _APPLY)
        return
    stored = frozenset(fields_of(schema))
    if lacking := _tops(known - stored):
        yield fault(
            f"the kind {name} is older than this program: it lacks {listed(lacking)}",
            "the API server drops these fields of what people apply and of what the operator writes, and says nothing",
            _APPLY,
        )
    elif more := _tops(stored - known):
        yield warning(
            f"the kind {name} is newer than this program: it has {listed(more)}",
            "an operator of this program's release takes no notice of these fields",
            "upgrade the operator, and this program, to the release that the kinds are of",
        )


def _tops(paths: Iterable[str]) -> list[str]:
    """Of these paths those that are not below another of them."""
    found = set(paths)
    return [path for path in found if not any(path.startswith(f"{other}.") for other in found)]
