"""The schemas of our statuses as the API server shows them to every account: no right to read definitions is needed."""

from collections.abc import Mapping

from crossfade.adapters.kube import KubeCluster
from crossfade.api import meta
from crossfade.ports import ClusterError, Object

_INDEX = "/openapi/v3"
_GROUP = f"apis/{meta.API_VERSION}"


class KubeSchemas:
    """The Schemas port of the status room. Read whole each time: the address's hash may be ahead of it."""

    def __init__(self, cluster: KubeCluster) -> None:
        self._cluster = cluster

    async def read(self) -> Mapping[str, Object]:
        """See status/definitions.py. Raises ClusterError."""
        index = await self._cluster.request("GET", _INDEX)
        try:
            address = str(index["paths"][_GROUP]["serverRelativeURL"])
            return dict(_statuses((await self._cluster.request("GET", address))["components"]["schemas"]))
        except (KeyError, TypeError, AttributeError) as failure:
            raise ClusterError(f"{_INDEX} of the API server does not show {_GROUP}") from failure


def _statuses(schemas: Mapping[str, Object]) -> Mapping[str, Object]:
    found = {}
    for schema in schemas.values():
        for one in schema.get("x-kubernetes-group-version-kind", ()):
            if one["group"] == meta.GROUP and "status" in schema.get("properties", {}):
                found[str(one["kind"])] = dict(schema["properties"]["status"])
    return found
