"""A container's environment: values, references to the pod, ConfigMaps, Secrets and resources, and $(VAR) expansion."""

import base64
import re
from collections.abc import Mapping
from typing import Any

from testbed.kubelet import quantity
from testbed.kubelet.api import Api, ApiError, Object

_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")
# What a container may use when it sets no limit of its own.
NODE_CAPACITY = {"cpu": "64", "memory": "64Gi", "ephemeral-storage": "256Gi", "pods": "250"}


class ConfigError(Exception):
    """Something the container refers to does not exist; the message is the one its waiting state shows."""


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace $(NAME) by its value; unknown names stay, $$ is one dollar."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return env.get(match[1], match[0])

    return _REFERENCE.sub(value, text)


def pod_field(pod: Object, path: str, address: str, host: str) -> str:
    """The value of a downward API fieldRef. Raises ConfigError for a path Kubernetes does not offer."""
    metadata, spec = pod["metadata"], pod["spec"]
    if match := _SUBSCRIPT.fullmatch(path):
        return str(metadata.get(match[1], {}).get(match[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        entries = metadata.get(path.partition(".")[2], {})
        return "\n".join(f'{key}="{value}"' for key, value in sorted(entries.items()))
    values = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec["nodeName"],
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.podIP": address,
        "status.podIPs": address,
        "status.hostIP": host,
        "status.hostIPs": host,
    }
    if path not in values:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return str(values[path])


def resource_field(pod: Object, reference: Object, container: Object | None) -> str:
    """The value of a resourceFieldRef in units of its divisor; without a limit the node's capacity counts."""
    if name := reference.get("containerName"):
        container = next(item for item in pod["spec"]["containers"] if item["name"] == name)
    assert container is not None
    kind, _, resource = reference["resource"].partition(".")
    resources = container.get("resources", {})
    limit = resources.get("limits", {}).get(resource, NODE_CAPACITY.get(resource, "0"))
    amount = limit if kind == "limits" else resources.get("requests", {}).get(resource, "0")
    return str(quantity.in_units(str(amount), str(reference.get("divisor", "1"))))


class Sources:
    """ConfigMaps and Secrets of one namespace, read when asked for."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self.namespace = api, namespace

    async def data(self, kind: str, name: str, *, optional: bool) -> dict[str, bytes] | None:
        """All keys of a "configmaps" or "secrets" object; None when it is absent and optional, else ConfigError."""
        try:
            found = await self._api.get(f"/api/v1/namespaces/{self.namespace}/{kind}/{name}")
        except ApiError as error:
            if error.code != 404:
                raise
            if optional:
                return None
            raise ConfigError(f'{kind[:-1]} "{name}" not found') from None
        if kind == "secrets":
            return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
        plain = {key: value.encode() for key, value in (found.get("data") or {}).items()}
        return plain | {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}

    async def key(self, kind: str, reference: Object) -> str | None:
        """One value as text; None when it is absent and optional, else ConfigError."""
        optional = bool(reference.get("optional"))
        data = await self.data(kind, reference["name"], optional=optional)
        if data is not None and reference["key"] in data:
            return data[reference["key"]].decode()
        if optional:
            return None
        raise ConfigError(f"couldn't find key {reference['key']} in {kind[:-1]} {self.namespace}/{reference['name']}")


async def _referenced(
    entry: Object, pod: Object, container: Object, sources: Sources, ips: tuple[str, str]
) -> str | None:
    source: dict[str, Any] = entry["valueFrom"]
    if reference := source.get("fieldRef"):
        return pod_field(pod, reference["fieldPath"], *ips)
    if reference := source.get("resourceFieldRef"):
        return resource_field(pod, reference, container)
    if reference := source.get("configMapKeyRef"):
        return await sources.key("configmaps", reference)
    if reference := source.get("secretKeyRef"):
        return await sources.key("secrets", reference)
    raise ConfigError(f"environment variable {entry['name']} has an unsupported source {sorted(source)}")


async def build(
    pod: Object, container: Object, base: Mapping[str, str], sources: Sources, ips: tuple[str, str]
) -> dict[str, str]:
    """The whole environment over `base` (image and node). `ips` are the pod's and the host's address."""
    env = dict(base)
    for entry in container.get("envFrom", ()):
        prefix = entry.get("prefix", "")
        for field, kind in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
            if reference := entry.get(field):
                data = await sources.data(kind, reference["name"], optional=bool(reference.get("optional")))
                env |= {prefix + key: value.decode() for key, value in (data or {}).items()}
    for entry in container.get("env", ()):
        if "valueFrom" in entry:
            value = await _referenced(entry, pod, container, sources, ips)
            if value is not None:
                env[entry["name"]] = value
        else:
            env[entry["name"]] = expand(entry.get("value", ""), env)
    return env
