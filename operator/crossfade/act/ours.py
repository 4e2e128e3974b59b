"""Whether what is stored may be written over: an object of another team may have the name of a child of ours."""

from crossfade.api import meta
from crossfade.ports import ROLLOUTS, Kind, Object


def is_ours(kind: Kind, known: Object | None, body: Object) -> bool:
    """By the label of the object as it was last seen, None when it was not."""
    return kind is ROLLOUTS or (known is not None and _rollout(known) == _rollout(body))


def is_ours_all_the_same(found: Object, body: Object) -> bool:
    """Of a Service: by its label or, where somebody took that away, by its owner, or by who wrote its selector.

    Without an owner (under `deletionPolicy: Orphan`) it is ours when it leads to pods of this Rollout, and Crossfade is
    the one who wrote that. A label of another Rollout, or another owner, makes it a stranger's whatever else it has.
    """
    if (label := _rollout(found)) is not None:
        return label == _rollout(body)
    owners = _controllers(found)
    if owners:
        return not owners.isdisjoint(_controllers(body))
    return _wrote_selector(found) and _leads_to(found) == _rollout(body)


def _rollout(one: Object) -> str | None:
    label: str | None = (one["metadata"].get("labels") or {}).get(meta.LABEL_ROLLOUT)
    return label


def _controllers(one: Object) -> set[str]:
    return {owner["uid"] for owner in one["metadata"].get("ownerReferences", ()) if owner.get("controller")}


def _wrote_selector(found: Object) -> bool:
    return any(
        one.get("manager") == meta.FIELD_MANAGER and "f:selector" in one.get("fieldsV1", {}).get("f:spec", {})
        for one in found["metadata"].get("managedFields", ())
    )


def _leads_to(found: Object) -> str | None:
    """The Rollout whose pods it selects; a revision's name is that of its Rollout with a hash behind it."""
    selector = found.get("spec", {}).get("selector") or {}
    serves: str | None = selector.get(meta.LABEL_SERVES)
    return serves or selector.get(meta.LABEL_REVISION, "").rpartition("-")[0] or None
