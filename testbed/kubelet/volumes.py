"""A pod's volumes as folders on the node: made before the first container starts, kept up to date while it runs."""

import datetime
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from testbed.kubelet.api import Api, ApiError, Object
from testbed.kubelet.environment import ConfigError, Sources, expand, pod_field, resource_field
from testbed.kubelet.rootfs import VolumeMount

_DEFAULT_MODE = 0o644
_NOT_OF_THE_API = frozenset({"emptyDir", "hostPath", "persistentVolumeClaim"})
# A token is replaced when this part of its life is over.
_TOKEN_RENEWAL = 0.8

File = tuple[bytes, int]
"""Content and permission bits."""


def publish(folder: Path, files: dict[str, File]) -> None:
    """Replace all files of a folder at once: readers see the old set or the new one, through the link ..data."""
    current = folder / "..data"
    if current.exists() and _read(current) == files:
        return
    fresh = folder / f"..{time.time_ns()}"
    for name, (content, mode) in files.items():
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
    fresh.mkdir(parents=True, exist_ok=True)
    previous = current.resolve() if current.exists() else None
    link = folder / "..data_tmp"
    link.symlink_to(fresh.name)
    link.rename(current)
    for top in {Path(name).parts[0] for name in files}:
        if not (folder / top).is_symlink():
            (folder / top).symlink_to(f"..data/{top}")
    for entry in folder.iterdir():
        if not entry.name.startswith("..") and not entry.exists():
            entry.unlink()
    if previous:
        shutil.rmtree(previous)


def _read(folder: Path) -> dict[str, File]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o777) for path in paths}


def _select(data: dict[str, bytes] | None, source: Object, mode: int, what: str) -> dict[str, File]:
    """The keys a volume asks for (all without `items`) as files."""
    if data is None:
        return {}
    if not source.get("items"):
        return {key: (value, mode) for key, value in data.items()}
    files: dict[str, File] = {}
    for item in source["items"]:
        if item["key"] in data:
            files[item["path"]] = (data[item["key"]], item.get("mode", mode))
        elif not source.get("optional"):
            raise ConfigError(f"{what} references non-existent key: {item['key']}")
    return files


@dataclass
class _Token:
    value: bytes
    renew_at: float


@dataclass
class Volumes:
    """All volumes of one pod below `folder`. `ips` are the pod's and the host's address."""

    api: Api
    pod: Object
    folder: Path
    ips: tuple[str, str]
    _tokens: dict[str, _Token] = field(default_factory=dict)
    _claimed: dict[str, Path] = field(default_factory=dict)
    """Folders of the node behind claims, by the volume's name."""

    def __post_init__(self) -> None:
        self._sources = Sources(self.api, self.pod["metadata"]["namespace"])

    def _path(self, name: str) -> Path:
        return self.folder / name

    async def prepare(self) -> None:
        """Make every volume. Raises ConfigError for a missing object or a kind of volume that a process cannot have."""
        for volume in self.pod["spec"].get("volumes", ()):
            if "hostPath" in volume:
                _host_path(volume["hostPath"])
                continue
            if "persistentVolumeClaim" in volume:
                self._claimed[volume["name"]] = await self._behind(volume["persistentVolumeClaim"]["claimName"])
                continue
            self._path(volume["name"]).mkdir(parents=True, exist_ok=True)
            if "emptyDir" in volume:
                self._path(volume["name"]).chmod(0o777)
            else:
                await self._fill(volume)

    async def refresh(self, pod: Object) -> None:
        """Bring files that come from the API up to date with it."""
        self.pod = pod
        for volume in pod["spec"].get("volumes", ()):
            if not volume.keys() & _NOT_OF_THE_API:
                await self._fill(volume)

    async def _behind(self, claim: str) -> Path:
        """The folder of the node that a claim is bound to. Raises ConfigError."""
        namespace = self.pod["metadata"]["namespace"]
        try:
            found = await self.api.get(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}")
            if found.get("status", {}).get("phase") != "Bound":
                raise ConfigError(f'persistentvolumeclaim "{claim}" is not bound')
            volume = await self.api.get(f"/api/v1/persistentvolumes/{found['spec']['volumeName']}")
        except ApiError as error:
            if error.code != 404:
                raise
            raise ConfigError(f'persistentvolumeclaim "{claim}" or its volume is not there') from None
        source = volume["spec"].get("hostPath") or volume["spec"].get("local")
        if source is None:
            raise ConfigError(f'the volume of claim "{claim}" is none that this node offers; use hostPath or local')
        _host_path(source)
        return Path(source["path"])

    async def _fill(self, volume: Object) -> None:
        name = volume["name"]
        publish(self._path(name), await self._files(name, volume))

    async def _files(self, name: str, volume: Object, mode: int = _DEFAULT_MODE) -> dict[str, File]:
        """Files of one volume source; a projected volume is the union of its sources."""
        if source := volume.get("configMap"):
            return await self._from_object("configmaps", source["name"], source, mode)
        if source := volume.get("secret"):
            return await self._from_object("secrets", source.get("secretName") or source["name"], source, mode)
        if source := volume.get("downwardAPI"):
            return self._from_pod(source, mode)
        if source := volume.get("serviceAccountToken"):
            return {source["path"]: (await self._token(name, source), mode)}
        if source := volume.get("projected"):
            files: dict[str, File] = {}
            for part in source.get("sources") or ():
                files |= await self._files(name, part, source.get("defaultMode", mode))
            return files
        kinds = sorted(volume.keys() - {"name"})
        raise ConfigError(f'volume "{name}" is of the kind {kinds}, which this node does not offer; use emptyDir')

    async def _from_object(self, kind: str, name: str, source: Object, mode: int) -> dict[str, File]:
        data = await self._sources.data(kind, name, optional=bool(source.get("optional")))
        return _select(data, source, source.get("defaultMode", mode), f'{kind[:-1]} "{name}"')

    def _from_pod(self, source: Object, mode: int) -> dict[str, File]:
        files: dict[str, File] = {}
        for item in source.get("items", ()):
            if "fieldRef" in item:
                text = pod_field(self.pod, item["fieldRef"]["fieldPath"], *self.ips)
            else:
                text = resource_field(self.pod, item["resourceFieldRef"], None)
            files[item["path"]] = (text.encode(), item.get("mode", source.get("defaultMode", mode)))
        return files

    async def _token(self, volume: str, source: Object) -> bytes:
        key = f"{volume}/{source['path']}"
        token = self._tokens.get(key)
        if token is None or time.time() >= token.renew_at:
            token = self._tokens[key] = await self._request_token(source)
        return token.value

    async def _request_token(self, source: Object) -> _Token:
        metadata = self.pod["metadata"]
        account = self.pod["spec"].get("serviceAccountName", "default")
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec: Object = {"expirationSeconds": source.get("expirationSeconds", 3600), "boundObjectRef": bound}
        if audience := source.get("audience"):
            spec["audiences"] = [audience]
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        status = (await self.api.post(path, body))["status"]
        expires = datetime.datetime.fromisoformat(status["expirationTimestamp"]).timestamp()
        now = time.time()
        return _Token(status["token"].encode(), now + _TOKEN_RENEWAL * (expires - now))

    def mounts(self, container: Object, env: dict[str, str]) -> list[VolumeMount]:
        """The container's volumeMounts with node paths, sub-folders made where they are missing."""
        volumes = {volume["name"]: volume for volume in self.pod["spec"].get("volumes", ())}
        return [self._mount(entry, volumes[entry["name"]], env) for entry in container.get("volumeMounts", ())]

    def _mount(self, entry: Object, volume: Object, env: dict[str, str]) -> VolumeMount:
        base = self._claimed.get(volume["name"], self._path(volume["name"]))
        if "hostPath" in volume:
            base = Path(volume["hostPath"]["path"])
        sub_path = entry.get("subPath", "")
        if expression := entry.get("subPathExpr"):
            sub_path = expand(expression, env)
        source = Path(os.path.realpath(base / sub_path))
        if sub_path and not source.exists():
            source.mkdir(parents=True)
        api_made = not volume.keys() & _NOT_OF_THE_API
        read_only = api_made or volume.get("persistentVolumeClaim", {}).get("readOnly") or entry.get("readOnly")
        return VolumeMount(str(source), entry["mountPath"], bool(read_only))


def _host_path(source: Object) -> None:
    path, kind = Path(source["path"]), source.get("type", "")
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True)
    elif kind == "FileOrCreate":
        path.touch(exist_ok=True)
    elif not path.exists():
        raise ConfigError(f'hostPath "{path}" does not exist on the node; create it or set type DirectoryOrCreate')
