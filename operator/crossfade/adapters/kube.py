"""The Kubernetes API by its own project's client, with plain objects: typed models drop fields they do not know."""

import json
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio.client import ApiClient

from crossfade.adapters.kube_client import authorization, deadline, open_client
from crossfade.api import meta
from crossfade.ports import EVENTS, ClusterError, Kind, Marks, Object

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_PATCH = "application/json-patch+json"
_JSON = "application/json"
_SENTENCE_LIMIT = 500


class KubeCluster:
    """The Cluster port. `timeout` is in seconds for a whole request."""

    def __init__(self, client: ApiClient, timeout: float = 10.0) -> None:
        self.client = client
        self._timeout = timeout

    @classmethod
    async def connect(cls) -> Self:
        """Connect by $KUBECONFIG, the pod's service account, or ~/.kube/config. Raises ClusterError."""
        return cls(await open_client())

    async def close(self) -> None:
        """Close all connections."""
        await self.client.close()  # type: ignore[no-untyped-call]  # the library's gap

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """One object as stored now. `namespace` is None for kinds without. Raises ClusterError."""
        return await self.request("GET", object_path(kind, namespace, name))

    async def apply(self, kind: Kind, body: Object, *, force: bool) -> Object:
        """Apply as `crossfade`. Returns the stored object. Raises ClusterError.

        With `force` our fields are taken from whoever set them to something else; without, that is a 409.
        """
        return await self._apply(kind, body, "", meta.FIELD_MANAGER, force=force)

    async def tried(self, kind: Kind, body: Object) -> Object:
        """What would be stored if this were applied, by a dry run: nothing is. Raises ClusterError."""
        return await self._apply(kind, body, "", meta.FIELD_MANAGER, force=True, dry_run=True)

    async def claim(self, kind: Kind, body: Object, manager: str) -> Object:
        """Apply as this field manager, and take nothing from anybody. Returns the stored object. Raises ClusterError,
        with 409 when somebody else has set one of the fields to something else."""
        return await self._apply(kind, body, "", manager, force=False)

    async def make(self, kind: Kind, body: Object) -> Object:
        """Create, as `crossfade`. Returns the stored object. Raises ClusterError, with 409 when the name is taken."""
        typed = {"apiVersion": kind.api_version, "kind": kind.kind} | body
        path = collection_path(kind, body["metadata"]["namespace"])
        return await self.request("POST", path, typed, query={"fieldManager": meta.FIELD_MANAGER})

    async def apply_status(self, kind: Kind, body: Object) -> Object:
        """Apply the status subresource as `crossfade-status`. Returns the stored object. Raises ClusterError."""
        return await self._apply(kind, body, "/status", meta.STATUS_MANAGER, force=True)

    async def scale(self, kind: Kind, namespace: str, name: str, replicas: int) -> Object:
        """Set `spec.replicas` and nothing else. Returns the stored object. Raises ClusterError."""
        path = object_path(kind, namespace, name)
        body = {"spec": {"replicas": replicas}}
        return await self.request("PATCH", path, body, _MERGE, {"fieldManager": meta.FIELD_MANAGER})

    async def patch(self, kind: Kind, namespace: str, name: str, operations: Sequence[Object], manager: str) -> Object:
        """JSON Patch under this field manager. Returns the stored object. Raises ClusterError; 409 or 422 for a failed
        test."""
        path = object_path(kind, namespace, name)
        return await self.request("PATCH", path, list(operations), _PATCH, {"fieldManager": manager})

    async def mark(self, kind: Kind, namespace: str, name: str, labels: Marks, annotations: Marks) -> Object | None:
        """Set these labels and annotations, or take away those of None. Returns the stored object, None when it is
        gone. Raises ClusterError."""
        path = object_path(kind, namespace, name)
        body = {"metadata": {"labels": dict(labels), "annotations": dict(annotations)}}
        try:
            return await self.request("PATCH", path, body, _MERGE, {"fieldManager": meta.FIELD_MANAGER})
        except ClusterError as failure:
            if failure.status != 404:
                raise
            return None

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str | None = None) -> None:
        """Delete in the background; one that is gone already is fine, and with a `uid` one whose name another has by
        now. Raises ClusterError."""
        path = object_path(kind, namespace, name)
        meant: Object = {} if uid is None else {"preconditions": {"uid": uid}}
        try:
            await self.request("DELETE", path, {"propagationPolicy": "Background"} | meant)
        except ClusterError as failure:
            if failure.status != 404 and not (meant and failure.status == 409):
                raise

    async def create_event(self, namespace: str, body: Object) -> None:
        """Create one events.k8s.io/v1 Event. Raises ClusterError."""
        await self.request("POST", collection_path(EVENTS, namespace), body)

    async def count_event(self, namespace: str, name: str, count: int, at: str) -> None:
        """Say of an Event that it has come `count` times, last `at` (RFC 3339). Raises ClusterError, with 404 when it
        is gone."""
        series = {"series": {"count": count, "lastObservedTime": at}}
        await self.request("PATCH", object_path(EVENTS, namespace, name), series, _MERGE)

    async def request(
        self,
        method: str,
        path: str,
        body: Object | list[Object] | None = None,
        content_type: str = _JSON,
        query: dict[str, str] | None = None,
    ) -> Object:
        """One request to an API path. Returns the JSON object that came back. Raises ClusterError."""
        what = f"{method} {path}"
        url = f"{self.client.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            status, answer = await self._exchange(method, url, body, content_type)
        except TimeoutError:
            raise ClusterError(f"the API server did not answer {what} within {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as failure:  # the last: two credentials
            raise ClusterError(f"the API server cannot be reached for {what}: {failure}") from failure
        if not 200 <= status < 300:
            raise ClusterError(f"the API server refused {what} with {status}: {_sentence(answer)}", status)
        return _object(answer, what)

    async def _exchange(
        self, method: str, url: str, body: Object | list[Object] | None, content_type: str
    ) -> tuple[int, bytes]:
        headers = {"Accept": _JSON, "Content-Type": content_type, "User-Agent": self.client.user_agent}
        headers |= await authorization(self.client)
        response = await self.client.call_api(
            method, url, header_params=headers, body=body, _request_timeout=deadline(self._timeout)
        )
        content: bytes = await response.read()  # type: ignore[no-untyped-call]  # the library's gap
        return response.status, content

    async def _apply(
        self, kind: Kind, body: Object, subresource: str, manager: str, *, force: bool, dry_run: bool = False
    ) -> Object:
        found = body["metadata"]
        path = object_path(kind, found.get("namespace"), found["name"]) + subresource
        typed = {"apiVersion": kind.api_version, "kind": kind.kind} | body
        query = {"fieldManager": manager, "force": str(force).lower()} | ({"dryRun": "All"} if dry_run else {})
        return await self.request("PATCH", path, typed, _APPLY, query)


def collection_path(kind: Kind, namespace: str | None) -> str:
    """Where the API server lists the kind; None for kinds and lists without a namespace."""
    root = "/api" if "/" not in kind.api_version else "/apis"
    scope = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{root}/{kind.api_version}{scope}/{kind.plural}"


def object_path(kind: Kind, namespace: str | None, name: str) -> str:
    """Where the API server keeps one object."""
    return f"{collection_path(kind, namespace)}/{quote(name, safe='')}"


def _object(answer: bytes, what: str) -> Object:
    try:
        found: Any = json.loads(answer)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ClusterError(f"what answered {what} is not a Kubernetes API server: the answer is no JSON object")
    return found


def _sentence(answer: bytes) -> str:
    """The server's own words from a `Status`; other bodies, such as a proxy's, are not passed on."""
    try:
        message = json.loads(answer)["message"]
    except (ValueError, KeyError, TypeError):
        return "no reason was given"
    return str(message)[:_SENTENCE_LIMIT]
