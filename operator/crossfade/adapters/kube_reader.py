"""The API server for who must change nothing: it is read, and asked for reviews, which it does not store."""

import asyncio
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Self

import aiohttp

from crossfade.adapters.address import shown
from crossfade.adapters.kube import KubeCluster
from crossfade.adapters.kube_client import authorization, connect, deadline
from crossfade.ports import ClusterError, Object

_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_HALF_A_SECOND = 0.5
"""What whole seconds, cut off, are wrong by on average."""


class KubeReader:
    """The Reader port. `timeout` is in seconds for a whole request, of which `at_once` are under way at most; `shown`
    is the API server's address, fit for messages, and `way` what led there, such as "the context `prod`"."""

    def __init__(self, cluster: KubeCluster, way: str, timeout: float = 5.0, at_once: int = 10) -> None:
        self.shown = shown(str(cluster.client.configuration.host))
        self.way = way
        self._client = cluster.client
        self._cluster = KubeCluster(cluster.client, timeout)
        self._timeout = timeout
        self._turns = asyncio.Semaphore(at_once)

    @classmethod
    async def connect(cls) -> Self:
        """Connect by $KUBECONFIG, the pod's service account, or ~/.kube/config. Raises ClusterError."""
        client, way = await connect("crossfade-doctor")
        return cls(KubeCluster(client), way)

    async def close(self) -> None:
        """Close all connections."""
        await self._cluster.close()

    async def read(self, path: str, query: Mapping[str, str]) -> Object:
        """See doctor.ports.Reader."""
        async with self._turns:
            return await self._cluster.request("GET", path, query=dict(query))

    async def may(self, user: str, attributes: Mapping[str, str]) -> bool:
        """See doctor.ports.Reader. The groups are those that a service account has."""
        namespace = user.split(":")[2] if user.startswith("system:serviceaccount:") else ""
        groups = ["system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
        body: Object = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": groups, "resourceAttributes": dict(attributes)},
        }
        async with self._turns:
            answer = await self._cluster.request("POST", _REVIEWS, body)
        return bool(answer["status"].get("allowed"))

    async def now(self) -> float:
        """See doctor.ports.Reader: the date of an answer, which is that of the moment when it was made."""
        try:
            response = await self._client.call_api(
                "GET",
                f"{self._client.configuration.host}/version",
                header_params=await authorization(self._client),
                _request_timeout=deadline(self._timeout),
            )
            await response.read()  # type: ignore[no-untyped-call]  # the library's gap
            told = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
        except (TimeoutError, aiohttp.ClientError, OSError) as failure:
            raise ClusterError(f"the API server cannot be reached: {failure or 'it does not answer'}") from failure
        except ValueError:
            return time.time()
        return told + _HALF_A_SECOND
