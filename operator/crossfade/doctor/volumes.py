"""Models on volumes: whether the claims are there that they lie on, and let in the pods that want them."""

from collections.abc import Iterator

from crossfade.doctor.facts import Facts, counted, listed, place
from crossfade.doctor.finding import Finding, fault, ok, warning
from crossfade.doctor.rollouts import Found, rollouts_of
from crossfade.ports import Object

_MANY_NODES = {"ReadOnlyMany", "ReadWriteMany"}
_ONE_POD = "ReadWriteOncePod"


def volumes(facts: Facts) -> Iterator[Finding]:
    """Whether pods can mount what ModelVersions name as `source.volume`."""
    named = _named(facts)
    claims = {place(raw): raw for raw in facts.all("persistentvolumeclaims")}
    found = [finding for where in sorted(named) for finding in _claim(facts, where, named[where], claims.get(where))]
    if not named:
        yield ok("no ModelVersion is on a volume, and none needs to be")
    yield from found or ([ok(f"pods can mount {counted(len(named), 'claim')} with models")] if named else [])


def _named(facts: Facts) -> dict[tuple[str, str], list[str]]:
    """The ModelVersions on each claim, by its namespace and name."""
    found = dict[tuple[str, str], list[str]]()
    for raw in facts.all("modelversions"):
        if volume := (raw["spec"].get("source") or {}).get("volume"):
            namespace, name = place(raw)
            found.setdefault((namespace, volume["claimName"]), []).append(name)
    return found


def _claim(facts: Facts, where: tuple[str, str], versions: list[str], raw: Object | None) -> Iterator[Finding]:
    namespace, name = where
    many = "s" if len(versions) > 1 else ""
    called = f"PersistentVolumeClaim {namespace}/{name} of ModelVersion{many} {listed(versions)}"
    why = "versions that are not resolved yet wait, and new pods of the others do not start"
    kubectl = f"kubectl --namespace {namespace}"
    if raw is None:
        yield fault(
            f"{called} does not exist",
            why,
            f"make it, as examples/registries/volume.yaml has one; or name one of {kubectl} get persistentvolumeclaims"
            " in `spec.source.volume.claimName` of a new ModelVersion",
        )
        return
    describe = f"{kubectl} describe persistentvolumeclaim {name}"
    if deleted := raw["metadata"].get("deletionTimestamp"):
        cure = f"when its last pod is gone, make it anew; {describe} has its pods as `Used By`"
        yield fault(f"{called} is being deleted since {deleted}", why, cure)
    elif (phase := (raw.get("status") or {}).get("phase")) == "Lost":
        yield fault(f"{called} has lost its PersistentVolume", why, f"{describe}; bind it to one that has the model")
    elif phase != "Bound":
        nothing = "a volume that is yet to be made has no model on it"
        yield warning(f"{called} is bound to no volume yet", nothing, f"{describe} says what it waits for")
    if raw["spec"].get("volumeMode") == "Block":
        cure = "put the model on a claim with `volumeMode: Filesystem`, and name that in a new ModelVersion"
        yield fault(f"{called} is a device of blocks, which has no files", why, cure)
    yield from _shared(facts, where, called, versions, raw)


def _shared(facts: Facts, where: tuple[str, str], called: str, versions: list[str], raw: Object) -> Iterator[Finding]:
    """Whether as many pods can mount it as will want to, wherever they are."""
    users = [one for one in rollouts_of(facts) if one.namespace == where[0] and _serves(one, versions)]
    cure = "put the model on a claim with `ReadOnlyMany` or `ReadWriteMany`, and name that in a new ModelVersion"
    asked = set(raw["spec"].get("accessModes") or ())
    able = set((raw.get("status") or {}).get("accessModes") or ()) or asked
    if _ONE_POD in asked:
        many = users and (len(versions) > 1 or any(one.spec.serving.least > 1 for one in users))
        told, why = f"{called} is `{_ONE_POD}`, for a single pod", "a second pod, of whichever version, never starts"
        yield fault(told, why, cure) if many else warning(told, why, cure)
    elif users and not able & _MANY_NODES:
        yield warning(
            f"{called} is {listed(f'`{mode}`' for mode in able)}, for pods of a single node",
            f"pods of {listed(map(str, users))} that find no room there wait",
            f"{cure}; or see that one node has room for all pods of both versions",
        )


def _serves(one: Found, versions: list[str]) -> bool:
    """Whether it asks for one of them, or has pods of one."""
    status = one.raw.get("status") or {}
    arms = (status.get("stable") or {}, status.get("candidate") or {})
    return bool({one.spec.model_version, *(arm.get("modelVersion") for arm in arms)}.intersection(versions))
