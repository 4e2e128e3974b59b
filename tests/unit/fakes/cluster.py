"""An API server in memory, as far as the loop sees one: stores what is applied, numbers versions, records writes."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

from crossfade.ports import ClusterError, Kind, Marks, Object


class FakeCluster:
    """The Cluster port. `writes` lists (verb, kind, name); a write that `refuse` names raises, and any of a kind that
    is `unserved`."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.writes: list[tuple[str, str, str]] = []
        self.events: list[Object] = []
        self.foreign: set[tuple[str, str, str]] = set()
        self.unserved: set[str] = set()
        self.statuses: dict[str, Object] = {}
        """By kind, the schemas of the statuses of definitions that know less than the operator."""
        self.image_volumes = True
        self.refuse: Callable[[str, str, str], bool] = lambda verb, kind, name: False
        self.refused: list[str] = []
        self.version = 100

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """See ports.Cluster."""
        found = self.objects.get((kind.kind, namespace or "", name))
        if found is None:
            raise ClusterError(f"{kind.plural} {name} not found", 404)
        return copy.deepcopy(found)

    async def apply(self, kind: Kind, body: Object, *, force: bool) -> Object:
        """See ports.Cluster. All that others have made holds other values."""
        if not force and (kind.kind, body["metadata"]["namespace"], body["metadata"]["name"]) in self.foreign:
            raise ClusterError('conflict with "others"', 409)
        return self._write("apply", kind, body, lambda old: {**old, **_without_status(body)}, generation=1)

    async def tried(self, kind: Kind, body: Object) -> Object:
        """See ports.Cluster. Image volumes are kept where the cluster has them, else dropped without a word."""
        found = copy.deepcopy(body)
        pod = found["spec"].get("template", {}).get("spec", {})
        if not self.image_volumes and "volumes" in pod:
            pod["volumes"] = [one for one in pod["volumes"] if "image" not in one]
        return found

    async def claim(self, kind: Kind, body: Object, manager: str) -> Object:
        """See ports.Cluster. Who owns the model version of a Rollout is in its managed fields."""
        metadata = body["metadata"]
        stored = self.objects[kind.kind, metadata["namespace"], metadata["name"]]["metadata"]
        noted = stored.get("managedFields") or [{"manager": "before-first-apply", "fieldsV1": "f:modelVersion"}]
        owners = {one["manager"] for one in noted if "f:modelVersion" in str(one)}
        if owners - {manager} or metadata["resourceVersion"] != stored["resourceVersion"]:
            raise ClusterError("Apply failed with 1 conflict", 409)
        return self._write(
            "claim", kind, body, lambda old: {**old, "spec": {**old["spec"], **body["spec"]}}, generation=1
        )

    async def make(self, kind: Kind, body: Object) -> Object:
        """See ports.Cluster."""
        if (kind.kind, body["metadata"]["namespace"], body["metadata"]["name"]) in self.objects:
            raise ClusterError("already exists", 409)
        return self._write("make", kind, body, lambda old: {**old, **_without_status(body)}, generation=1)

    async def apply_status(self, kind: Kind, body: Object) -> Object:
        """See ports.Cluster. As the API server does, of a status with a field that is not known nothing is kept."""
        if kind.kind in self.statuses and (unknown := _unknown(self.statuses[kind.kind], body["status"], ".status")):
            self.refused.append(unknown)
            raise ClusterError(f"failed to create typed patch object: {unknown}: field not declared in schema", 500)
        metadata = body["metadata"]
        stored = self.objects.get((kind.kind, metadata["namespace"], metadata["name"]), {}).get("metadata", metadata)
        if any(metadata.get(key, stored[key]) != stored[key] for key in ("uid", "resourceVersion")):
            raise ClusterError("the object has been modified; please apply your changes to the latest version", 409)
        return self._write("status", kind, body, lambda old: {**old, "status": body["status"]})

    async def read(self) -> dict[str, Object]:
        """The Schemas port."""
        return copy.deepcopy(self.statuses)

    async def scale(self, kind: Kind, namespace: str, name: str, replicas: int) -> Object:
        """See ports.Cluster."""
        place = {"metadata": {"namespace": namespace, "name": name}}
        return self._write(
            "scale", kind, place, lambda old: {**old, "spec": {**old["spec"], "replicas": replicas}}, generation=1
        )

    async def patch(self, kind: Kind, namespace: str, name: str, operations: Sequence[Object], manager: str) -> Object:
        """See ports.Cluster. Values are tested and replaced, and taken out of lists."""
        place = {"metadata": {"namespace": namespace, "name": name}}
        stored = self.objects[kind.kind, namespace, name]
        patched = copy.deepcopy(stored)
        for one in operations:
            *path, last = one["path"].strip("/").split("/")
            holder: Any = patched
            for part in path:
                holder = holder[int(part) if isinstance(holder, list) else part]
            at = int(last) if isinstance(holder, list) else last
            if one["op"] == "test" and holder[at] != one["value"]:
                raise ClusterError("the server rejected our request: testing value failed", 422)
            if one["op"] == "replace":
                holder[at] = one["value"]
            if one["op"] == "remove":
                del holder[at]
        place["metadata"] |= {"finalizers": patched["metadata"].get("finalizers", [])}
        return self._write("patch", kind, place, lambda old: patched, generation=1)

    async def mark(self, kind: Kind, namespace: str, name: str, labels: Marks, annotations: Marks) -> Object | None:
        """See ports.Cluster. Only the labels are kept."""
        if (kind.kind, namespace, name) not in self.objects:
            return None
        known = self.objects[kind.kind, namespace, name]["metadata"].get("labels", {})
        kept = {key: value for key, value in {**known, **labels}.items() if value is not None}
        place = {"metadata": {"namespace": namespace, "name": name, "labels": kept}}
        return self._write("mark", kind, place, lambda old: old)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str | None = None) -> None:
        """See ports.Cluster."""
        self._record("delete", kind, name)
        found = self.objects.get((kind.kind, namespace, name))
        if found is not None and uid in (None, found["metadata"]["uid"]):
            del self.objects[kind.kind, namespace, name]

    async def create_event(self, namespace: str, body: Object) -> None:
        """See ports.Cluster."""
        self._record("create", Kind("", "", "Event"), body["regarding"]["name"])
        self.events.append(body)

    async def count_event(self, namespace: str, name: str, count: int, at: str) -> None:
        """See ports.Cluster."""
        self._record("patch", Kind("", "", "Event"), name)
        found = next((one for one in self.events if one["metadata"]["name"] == name), None)
        if found is None:
            raise ClusterError(f"events {name} not found", 404)
        found["series"] = {"count": count, "lastObservedTime": at}

    def create(self, body: Object, generation: int = 1) -> Object:
        """What others do, creation or change: not recorded as a write of ours."""
        kind = Kind(body["apiVersion"], "", body["kind"])
        place = body["kind"], body["metadata"]["namespace"], body["metadata"]["name"]
        if place not in self.objects:
            self.foreign.add(place)
        others = {key: value for key, value in body["metadata"].items() if key not in ("generation", "resourceVersion")}
        stored = self._store(kind, {**body, "metadata": others}, lambda old: {**old, **body}, generation)
        return copy.deepcopy(stored)

    def _write(
        self, verb: str, kind: Kind, body: Object, merge: Callable[[Object], Object], generation: int = 0
    ) -> Object:
        self._record(verb, kind, body["metadata"]["name"])
        return copy.deepcopy(self._store(kind, body, merge, generation))

    def _record(self, verb: str, kind: Kind, name: str) -> None:
        if kind.kind in self.unserved:
            raise ClusterError(f"{verb} of {kind.plural} is refused with 404", 404)
        if self.refuse(verb, kind.kind, name):
            raise ClusterError(f"{verb} of {name} is refused", 422)
        self.writes.append((verb, kind.kind, name))

    def _store(self, kind: Kind, body: Object, merge: Callable[[Object], Object], generation: int) -> Object:
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        key = (kind.kind, namespace, name)
        old = self.objects.get(key) or {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"generation": 0},
        }
        self.version += 1
        known: dict[str, Any] = old["metadata"]
        metadata = {
            "uid": f"uid-{kind.kind}-{name}",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            **known,
            **body["metadata"],
            "generation": known["generation"] + generation,
            "resourceVersion": str(self.version),
        }
        self.objects[key] = {**merge(copy.deepcopy(old)), "metadata": metadata}
        return self.objects[key]


def _without_status(body: Object) -> Object:
    return {key: copy.deepcopy(value) for key, value in body.items() if key != "status"}


def _unknown(schema: Object, value: Any, path: str) -> str:
    """The first field that the schema does not have."""
    if isinstance(value, list):
        return next((bad for item in value if (bad := _unknown(schema["items"], item, f"{path}[0]"))), "")
    if not isinstance(value, dict) or "properties" not in schema:
        return ""
    for name, item in value.items():
        inner = f"{path}.{name}"
        bad = _unknown(schema["properties"][name], item, inner) if name in schema["properties"] else inner
        if bad:
            return bad
    return ""
