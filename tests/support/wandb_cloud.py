"""A stand-in for Weights & Biases: its GraphQL as far as artifacts go, and a store that asks for signed addresses.

W&B's own client is held against it in tests/contract/test_wandb_client.py: where they disagree, this is wrong.
"""

import hashlib
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from tests.support.graphql import QueryError, answered
from tests.support.servers import Quiet
from tests.support.servers import serving as web_server

SIGNATURE = "canary-of-a-signed-address"
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_AT = "2026-11-01T10:00:00Z"
_USER = {"__typename": "User", "name": "A", "username": "a"}
Json = dict[str, Any]


@dataclass
class Run:
    """What logged an artifact."""

    name: str = "run1"
    commit: str | None = "a" * 40
    config: Json = field(default_factory=lambda: {"lr": {"value": 0.1, "desc": None}, "_wandb": {"value": {}}})
    summary: Json = field(default_factory=lambda: {"auc": 0.97, "_step": 3})
    inputs: list["Artifact"] = field(default_factory=list)


@dataclass
class Artifact:
    """Files that were logged together; `references` are paths with the addresses that they only name."""

    number: int
    entity: str
    project: str
    name: str
    files: dict[str, bytes]
    version: int = 0
    kind: str = "model"
    state: str = "COMMITTED"
    metadata: Json = field(default_factory=dict)
    run: Run | None = None
    used: list[str] = field(default_factory=list)
    references: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze what is promised of the files."""
        self.id = b64encode(f"Artifact:{self.number}".encode()).decode()
        self.entries: dict[str, Json] = {
            path: {"digest": _md5(content), "size": len(content), "birthArtifactID": self.id}
            for path, content in self.files.items()
        }
        self.entries |= {path: {"digest": target, "ref": target, "size": 1} for path, target in self.references.items()}
        told = "".join(f"{path}:{self.entries[path]['digest']}\n" for path in sorted(self.entries))
        self.digest = hashlib.md5(f"wandb-artifact-manifest-v1\n{told}".encode()).hexdigest()

    def manifest(self) -> bytes:
        config = {"storageLayout": "V2"}
        told = {"version": 1, "storagePolicy": "wandb-storage-policy-v1", "storagePolicyConfig": config}
        return json.dumps({**told, "contents": self.entries}).encode()


@dataclass
class Collection:
    """Versions by their index, and what else means one of them."""

    versions: list[Artifact] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)


class DeniedError(Exception):
    """Whoever asks may not."""


@dataclass
class Cloud:
    """`keys` are the users by their API keys; `readers` are those who may read a project, and `writers` those who may
    write to it, everybody where it is not in there. `written` has what mutations were told. Files are sent from
    `elsewhere`, where that is set, else from where the question came to."""

    keys: dict[str, str] = field(default_factory=dict)
    readers: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    writers: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    written: list[Json] = field(default_factory=list)
    organizations: dict[str, str] = field(default_factory=dict)
    elsewhere: str = ""
    url: str = ""
    page: int = 1000
    collections: dict[tuple[str, str, str], Collection] = field(default_factory=dict)
    artifacts: list[Artifact] = field(default_factory=list)

    def log(self, path: str, files: Mapping[str, bytes], **more: Any) -> Artifact:
        """A new version of the artifact at `<entity>/<project>/<name>`."""
        entity, project, name = path.split("/")
        kept = self.collections.setdefault((entity, project, name), Collection())
        version = len(kept.versions)
        made = Artifact(len(self.artifacts), entity, project, name, dict(files), version, **more)
        self.artifacts.append(made)
        self.link(made, path)
        return made

    def link(self, artifact: Artifact, path: str) -> str:
        """Put it into a collection as well; returns its version there."""
        entity, project, name = path.split("/")
        kept = self.collections.setdefault((entity, project, name), Collection())
        kept.versions.append(artifact)
        kept.aliases["latest"] = len(kept.versions) - 1
        return f"v{len(kept.versions) - 1}"

    def alias(self, path: str, alias: str, version: int) -> None:
        """Let the alias mean the version."""
        entity, project, name = path.split("/")
        self.collections[entity, project, name].aliases[alias] = version

    def answer(self, told: Json, user: str | None, base: str) -> tuple[int, Json]:
        """What GraphQL says to this user."""
        try:
            schema = _Schema(self, user, self.elsewhere or base)
            root = schema.mutations() if told["query"].lstrip().startswith("mutation") else schema.root()
            return 200, {"data": answered(told["query"], told.get("variables") or {}, root)}
        except QueryError as failure:
            return 400, {"errors": [{"message": str(failure)}], "data": None}
        except DeniedError:
            code = {"code": "PERMISSION_ERROR"}
            said = {"message": "permission denied", "path": ["project"], "extensions": code}
            return 403, {"errors": [said], "data": {"project": None}}

    def stored(self, number: int, path: str) -> bytes | None:
        """A file, or under the name `wandb_manifest.json` the list of them."""
        artifact = self.artifacts[number]
        return artifact.manifest() if path == "wandb_manifest.json" else artifact.files.get(path)


@dataclass
class _Schema:
    cloud: Cloud
    user: str | None
    base: str

    def root(self) -> Json:
        return {
            "viewer": self._viewer(),
            "entity": lambda name: self._entity(name),
            "project": lambda **told: self._project(told["entityName"], told["name"]),
            "artifactCollection": lambda id: self._collection(*b64decode(id).decode().split("/")),
            "artifact": lambda id: next((self._artifact(one) for one in self.cloud.artifacts if one.id == id), None),
            "serverInfo": {"features": [{"name": "ARTIFACT_DIGEST_ALGORITHM", "isEnabled": True}]},
        }

    def mutations(self) -> Json:
        return {
            "addAliases": lambda input: self._aliases(input, taken=False),
            "deleteAliases": lambda input: self._aliases(input, taken=True),
            "updateArtifact": lambda input: self._update(input),
        }

    def _aliases(self, told: Json, *, taken: bool) -> Json:
        """An alias means one version of a collection; it is taken from the artifact that is named alone."""
        self.cloud.written.append(told)
        for one in told["aliases"]:
            place = one["entityName"], one["projectName"], one["artifactCollectionName"]
            self._may_write(one["entityName"], one["projectName"])
            kept = self.cloud.collections[place]
            index = next(at for at, artifact in enumerate(kept.versions) if artifact.id == told["artifactID"])
            if not taken:
                kept.aliases[one["alias"]] = index
            elif kept.aliases.get(one["alias"]) == index:
                del kept.aliases[one["alias"]]
        return {"success": True}

    def _update(self, told: Json) -> Json:
        """What is left out, or null, stays."""
        self.cloud.written.append(told)
        artifact = next(one for one in self.cloud.artifacts if one.id == told["artifactID"])
        self._may_write(artifact.entity, artifact.project)
        if told.get("metadata") is not None:
            artifact.metadata = json.loads(told["metadata"])
        return {"artifact": self._artifact(artifact)}

    def _may_write(self, entity: str, project: str) -> None:
        if not self._writes(entity, project):
            raise DeniedError

    def _writes(self, entity: str, project: str) -> bool:
        return self.user in self.cloud.writers.get((entity, project), {self.user})

    def _viewer(self) -> Json | None:
        if self.user is None:
            return None
        told = {"id": "u1", "entity": self.user, "username": self.user, "name": self.user, "email": "", "admin": False}
        return {"__typename": "User", **told, "flags": "{}", "teams": {"edges": []}, "apiKeys": {"edges": []}}

    def _entity(self, name: str) -> Json:
        found = [{"name": org, "orgEntity": {"name": kept}} for org, kept in self.cloud.organizations.items()]
        return {"name": name, "organization": None, "user": {"organizations": found}}

    def _project(self, entity: str, name: str) -> Json | None:
        places = {place[:2] for place in self.cloud.collections}
        if (entity, name) not in places:
            return None
        if self.user not in self.cloud.readers.get((entity, name), {self.user}):
            raise DeniedError
        return {
            **_project_info(entity, name),
            "readOnly": not self._writes(entity, name),
            "artifactCollectionMembership": lambda **told: self._membership(entity, name, *told["name"].split(":")),
            "artifactCollection": lambda **told: self._collection(entity, name, told["name"]),
            "artifactType": lambda **_: {
                "artifactCollection": lambda **told: self._collection(entity, name, told["name"])
            },
            "run": lambda **told: self._run_named(entity, name, told["name"]),
        }

    def _collection(self, entity: str, project: str, name: str) -> Json | None:
        if (entity, project, name) not in self.cloud.collections:
            return None
        return {
            **_collection_info(entity, project, name),
            "artifactMembership": lambda **told: self._membership(entity, project, name, told["aliasName"]),
            "aliases": lambda **told: self._aliases_of(entity, project, name, **told),
        }

    def _aliases_of(self, entity: str, project: str, name: str, first: int, after: str | None = None) -> Json:
        named = sorted(self.cloud.collections[entity, project, name].aliases)
        start = int(after or 0)
        end = start + min(first, self.cloud.page)
        more = {"__typename": "PageInfo", "endCursor": str(end), "hasNextPage": end < len(named)}
        return {"pageInfo": more, "edges": [{"node": _alias(one)} for one in named[start:end]]}

    def _membership(self, entity: str, project: str, name: str, alias: str = "latest") -> Json | None:
        kept = self.cloud.collections.get((entity, project, name))
        index = None if kept is None else kept.aliases.get(alias, _index(alias))
        if kept is None or index is None or index >= len(kept.versions):
            return None
        artifact = kept.versions[index]
        return {
            "__typename": "ArtifactCollectionMembership",
            "id": f"m{index}",
            "versionIndex": index,
            "createdAt": _AT,
            "aliases": [_alias(name) for name, at in kept.aliases.items() if at == index],
            "artifactCollection": _collection_info(entity, project, name),
            "artifact": self._artifact(artifact),
            "files": lambda **told: self._files(artifact, **told),
        }

    def _files(
        self, artifact: Artifact, first: int | None = None, after: str | None = None, names: list[str] | None = None
    ) -> Json:
        paths = sorted(path for path in artifact.files if names is None or path in names)
        start = int(after or 0)
        end = start + min(first or self.cloud.page, self.cloud.page)
        nodes = [self._file(artifact, path) for path in paths[start:end]]
        more = {"__typename": "PageInfo", "endCursor": str(end), "hasNextPage": end < len(paths)}
        return {"totalCount": len(paths), "pageInfo": more, "edges": [{"node": node} for node in nodes]}

    def _file(self, artifact: Artifact, path: str) -> Json:
        sums = {"digest": _md5(artifact.files[path]), "md5": _md5(artifact.files[path])}
        return {
            "__typename": "File",
            "id": "f",
            "name": path,
            "displayName": path,
            "updatedAt": _AT,
            **sums,
            "sizeBytes": len(artifact.files[path]),
            "storagePath": path,
            "mimetype": "",
            "url": "",
            "directUrl": self._signed(artifact, path),
        }

    def _signed(self, artifact: Artifact, path: str) -> str:
        return f"{self.base}/storage/{artifact.number}/{quote(path)}?signature={SIGNATURE}"

    def _artifact(self, artifact: Artifact) -> Json:
        source = _collection_info(artifact.entity, artifact.project, artifact.name)
        runs = [{"node": self._run(Run(name), artifact)} for name in artifact.used]
        return {
            "__typename": "Artifact",
            "id": artifact.id,
            "versionIndex": artifact.version,
            "digest": artifact.digest,
            "state": artifact.state,
            "size": sum(map(len, artifact.files.values())),
            "commitHash": "c1",
            "fileCount": len(artifact.files),
            "createdAt": _AT,
            "updatedAt": _AT,
            "historyStep": None,
            "ttlDurationSeconds": -2,
            "ttlIsInherited": False,
            "description": "Of a test.",
            "digestAlgorithm": "MANIFEST_MD5",
            "metadata": json.dumps(artifact.metadata),
            "artifactSequence": {**source, "__typename": "ArtifactSequence"},
            "artifactType": {"name": artifact.kind},
            "tags": [{"__typename": "Tag", "id": "t1", "name": "reviewed"}],
            "aliases": [{**_alias("latest"), "artifactCollection": source}],
            "currentManifest": {"file": {"directUrl": self._signed(artifact, "wandb_manifest.json")}},
            "createdBy": self._run(artifact.run, artifact) if artifact.run else _USER,
            "usedBy": {"edges": runs},
        }

    def _run_named(self, entity: str, project: str, name: str) -> Json | None:
        for one in self.cloud.artifacts:
            for run in (one.run, *map(Run, one.used)):
                if run is not None and (one.entity, one.project, run.name) == (entity, project, name):
                    return self._run(run, one)
        return None

    def _run(self, run: Run, of: Artifact) -> Json:
        inputs = [{"node": self._artifact(one)} for one in run.inputs]
        return {
            "__typename": "Run",
            "id": "r1",
            "internalId": "r1",
            "name": run.name,
            "displayName": run.name,
            "tags": [],
            "sweepName": None,
            "state": "finished",
            "group": None,
            "jobType": None,
            "readOnly": True,
            "createdAt": _AT,
            "heartbeatAt": _AT,
            "description": None,
            "notes": None,
            "historyLineCount": 1,
            "commit": run.commit,
            "config": json.dumps(run.config),
            "summaryMetrics": json.dumps(run.summary),
            "systemMetrics": "{}",
            "historyKeys": None,
            "projectId": "1",
            "user": _USER,
            "project": _project_info(of.entity, of.project),
            "inputArtifacts": lambda first=None, after=None: {
                "totalCount": len(inputs),
                "pageInfo": {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False},
                "edges": inputs,
            },
        }


def _index(version: str) -> int | None:
    return int(version[1:]) if re.fullmatch("v[0-9]+", version) else None


def _alias(name: str) -> Json:
    return {"__typename": "ArtifactAlias", "id": f"a-{name}", "alias": name}


def _project_info(entity: str, name: str) -> Json:
    return {"id": "p1", "internalId": "p1", "name": name, "entity": {"name": entity}}


def _collection_info(entity: str, project: str, name: str) -> Json:
    kind = "ArtifactPortfolio" if project.startswith("wandb-registry-") else "ArtifactSequence"
    identity = b64encode(f"{entity}/{project}/{name}".encode()).decode()
    told: Json = {"description": None, "createdAt": _AT, "updatedAt": _AT, "tags": {"edges": []}}
    where = {"id": identity, "name": name, "project": _project_info(entity, project)}
    return {"__typename": kind, **where, **told, "defaultArtifactType": {"name": "model"}}


def _md5(content: bytes) -> str:
    return b64encode(hashlib.md5(content).digest()).decode()


@contextmanager
def serving(cloud: Cloud, address: str = "127.0.0.1", port: int = 0) -> Iterator[Cloud]:
    """The cloud at an address of this machine, at its `url`."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.content())
            key = b64decode((self.headers.get("Authorization") or "").removeprefix("Basic ")).decode().partition(":")[2]
            if key and key not in cloud.keys:
                self.say(401, json.dumps({"errors": [{"message": "user is not logged in"}]}).encode())
                return
            status, said = cloud.answer(told, cloud.keys.get(key), f"http://{self.headers['Host']}")
            self.say(status, json.dumps(said).encode())

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            _, store, number, path = parts.path.split("/", 3)
            if store != "storage" or parts.query != f"signature={SIGNATURE}" or self.headers.get("Authorization"):
                self.say(400, b"")  # a signed address needs nobody's key, and refuses one beside it
                return
            content = cloud.stored(int(number), unquote(path))
            self.say(404, b"") if content is None else self._file(content)

        def _file(self, content: bytes) -> None:
            tag = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
            asked = _RANGE.fullmatch(self.headers.get("Range", ""))
            if asked is None or self.headers.get("If-Range") not in (None, tag["ETag"]):
                self.say(200, content, tag)
                return
            first, last = int(asked[1]), int(asked[2] or len(content) - 1)
            told = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
            self.say(206, content[first : last + 1], tag | told)

    with web_server(Handler, address, port) as url:
        cloud.url = cloud.url or url
        yield cloud
