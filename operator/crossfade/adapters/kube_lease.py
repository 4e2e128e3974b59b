"""One Lease of coordination.k8s.io, compared and swapped by its uid and resourceVersion."""

from crossfade.adapters.kube import KubeCluster, collection_path, object_path
from crossfade.model.lease import Lease
from crossfade.ports import LEASES, ClusterError, Object


class KubeLease:
    """The LeaseStore port. `timeout` is in seconds for a whole request."""

    def __init__(self, cluster: KubeCluster, namespace: str, name: str, timeout: float) -> None:
        self._cluster = KubeCluster(cluster.client, timeout)
        self._namespace = namespace
        self._name = name

    async def read(self) -> Lease | None:
        """The Lease as stored now, None when there is none. Raises ClusterError."""
        try:
            return _lease(await self._cluster.get(LEASES, self._namespace, self._name))
        except ClusterError as failure:
            if failure.status != 404:
                raise
            return None

    async def write(self, lease: Lease) -> Lease:
        """Store it if it still has the version that `lease` names; an empty one creates it. Raises ClusterError."""
        body = _body(lease, self._namespace, self._name)
        if lease.version:
            path = object_path(LEASES, self._namespace, self._name)
            return _lease(await self._cluster.request("PUT", path, body))
        return _lease(await self._cluster.request("POST", collection_path(LEASES, self._namespace), body))


def _lease(raw: Object) -> Lease:
    """A field that is missing says nothing: people may have made the object by hand."""
    spec = raw.get("spec") or {}
    return Lease(
        holder=spec.get("holderIdentity") or "",
        seconds=int(spec.get("leaseDurationSeconds") or 0),
        acquired=spec.get("acquireTime") or "",
        renewed=spec.get("renewTime") or "",
        transitions=int(spec.get("leaseTransitions") or 0),
        version=f"{raw['metadata']['uid']}/{raw['metadata']['resourceVersion']}",
    )


def _body(lease: Lease, namespace: str, name: str) -> Object:
    """With the uid an update is of this very Lease; without, the API server would make one that is not there."""
    uid, _, version = lease.version.partition("/")
    seen = {"uid": uid, "resourceVersion": version} if lease.version else {}
    times = {"acquireTime": lease.acquired, "renewTime": lease.renewed}  # an empty one would be refused
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {"namespace": namespace, "name": name, **seen},
        "spec": {
            "holderIdentity": lease.holder,
            "leaseDurationSeconds": lease.seconds,
            "leaseTransitions": lease.transitions,
            **{key: at for key, at in times.items() if at},
        },
    }
