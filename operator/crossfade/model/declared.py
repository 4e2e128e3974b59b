"""What a ModelVersion's spec says of its model beside what was learnt of it."""

from collections.abc import Iterator
from typing import Final

from crossfade.api.v1alpha1 import ModelVersionSpec
from crossfade.api.v1alpha1.common import ApiModel
from crossfade.api.v1alpha1.facts import Card, Environment, Evaluation, Facts, Lineage, Provenance, Signature, Sourced

GROUPS: Final[dict[str, type[Sourced]]] = {
    "lineage": Lineage,
    "environment": Environment,
    "signature": Signature,
    "evaluation": Evaluation,
    "card": Card,
    "provenance": Provenance,
}
"""What a spec may say, by the name that it has in the spec and in what is recorded."""


def with_declared(found: Facts, spec: ModelVersionSpec) -> Facts:
    """The same, and of the groups that the spec has each field that nobody else says. What registry and files say
    stands, for it is of the very version that was resolved, and the spec was written by hand."""
    return found.model_copy(update=dict(_filled(found, spec)))


def _filled(found: Facts, spec: ModelVersionSpec) -> Iterator[tuple[str, Sourced]]:
    for name, group in GROUPS.items():
        told, known = getattr(spec, name), getattr(found, name)
        if told is None or not (said := fields_said(told)):
            continue
        if known is None:
            yield name, group.model_validate({"origin": "Spec", **said})
        elif new := {field: value for field, value in said.items() if field not in fields_said(known)}:
            names = [str(type(known).model_fields[field].alias) for field in new]
            yield name, known.model_copy(update={**new, "declared": names})


def fields_said(group: ApiModel) -> dict[str, object]:
    """The fields that say something, by name. That there are none of a thing is said where its absence says nothing."""
    defaults = {name: field.default for name, field in type(group).model_fields.items()}
    return {name: value for name, value in group if value or (value is not None and defaults[name] is None)}
