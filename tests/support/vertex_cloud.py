"""A stand-in for Google's Vertex AI, the Cloud Storage that has its models, and the token server of both.

Google's own clients are held against it in tests/contract/test_vertex_client.py: where they disagree, this is wrong.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from itertools import islice
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.servers import Quiet
from tests.support.servers import serving as web_server

Json = dict[str, Any]
MADE_AT = "2026-11-01T09:00:00.654321Z"
"""When all versions were uploaded."""
Said = tuple[int, bytes, dict[str, str]]
_MODEL = re.compile(r"/v1/(projects/[^/]+/locations/[^/]+)/models/([^/@]+)@([^/:]+)(/evaluations)?")
_MERGE = re.compile(_MODEL.pattern.replace("(/evaluations)?", ":mergeVersionAliases"))
_VERSIONS = re.compile(r"/v1/(projects/[^/]+/locations/[^/]+)/models/([^/@:]+):listVersions")
_HAS_LABEL = re.compile(r"labels\.([a-z0-9_-]+):\*")
_JOB = re.compile(r"/v1/(projects/[^/]+/locations/[^/]+/pipelineJobs/[^/]+)")
_OBJECTS = re.compile(r"/storage/v1/b/([^/]+)/o")
_OBJECT = re.compile(r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)")
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_WORDS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED"}
_ALIAS = re.compile("-?[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")
_KEY, _VALUE = re.compile("[a-z][a-z0-9_-]{0,62}"), re.compile("[a-z0-9_-]{0,63}")


@dataclass
class Version:
    """One of a model; its folder is `uri`."""

    uri: str
    aliases: set[str] = field(default_factory=set)
    more: Json = field(default_factory=dict)
    metrics: list[Json] = field(default_factory=list)
    writes: int = 0

    @property
    def etag(self) -> str:
        """Another one after each write."""
        return f"AMEw9y{self.writes}"


@dataclass
class Cloud:
    """`refuses` says the status for requests of such a path and headers, None for those that pass, and `refuses_writes`
    for those that write; `token` what the token server gives for a form. Lists of objects have `page` of them, those of
    versions a hundred."""

    refuses: Callable[[str, Mapping[str, str]], int | None]
    token: Callable[[str], str | None]
    refuses_writes: Callable[[Mapping[str, str]], int | None] = lambda _: None
    place: str = "projects/risk-1/locations/europe-west4"
    models: dict[str, list[Version]] = field(default_factory=dict)
    jobs: dict[str, Json] = field(default_factory=dict)
    objects: dict[tuple[str, str], tuple[int, bytes]] = field(default_factory=dict)
    page: int = 1000
    url: str = ""
    written: list[Json] = field(default_factory=list)
    """What was told."""

    def put(self, uri: str, content: bytes) -> None:
        """Write an object, over what is there."""
        bucket, _, key = uri.removeprefix("gs://").partition("/")
        self.objects[bucket, key] = (len(self.objects) + 1 + self.objects.get((bucket, key), (0, b""))[0], content)

    def register(self, model: str, files: Mapping[str, bytes], **more: Any) -> int:
        """A new version of the model with these files; returns its number."""
        versions = self.models.setdefault(model, [])
        uri = f"gs://models/{model}/{len(versions) + 1}"
        for path, content in files.items():
            self.put(f"{uri}/{path}", content)
        versions.append(Version(uri, **more))
        return len(versions)

    def alias(self, model: str, alias: str, number: int) -> None:
        """Let the alias mean the version."""
        for at, version in enumerate(self.models[model], 1):
            (version.aliases.add if at == number else version.aliases.discard)(alias)

    def answer(self, path: str, headers: Mapping[str, str]) -> Said:
        """What is said to GET."""
        if status := self.refuses(path, headers):
            return _refused(status)
        parts = urlsplit(path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if found := _MODEL.fullmatch(unquote(parts.path)):
            return self._model(found[1], found[2], found[3], evaluations=bool(found[4]))
        if found := _VERSIONS.fullmatch(unquote(parts.path)):
            return self._versions(found[1], found[2], asked)
        if found := _JOB.fullmatch(parts.path):
            job = self.jobs.get(found[1])
            return _json({"name": found[1], **job}) if job is not None else _refused(404)
        if found := _OBJECTS.fullmatch(parts.path):
            return _json(self._listed(found[1], asked.get("prefix", ""), asked.get("pageToken", "")))
        if found := _OBJECT.fullmatch(parts.path):
            return self._object(found[1], unquote(found[2]), headers)
        return _refused(404)

    def _model(self, place: str, model: str, name: str, *, evaluations: bool) -> Said:
        for number, version in enumerate(self.models.get(model, []), 1):
            if place == self.place and (name == str(number) or name in version.aliases):
                path = f"projects/4711/{place.split('/', 2)[2]}"  # Google answers with a project's number
                listed = [
                    {"name": f"{path}/models/{model}/evaluations/{at}", **one} for at, one in enumerate(version.metrics)
                ]
                return _json({"modelEvaluations": listed} if evaluations else _told(path, model, number, version))
        return _refused(404)

    def _versions(self, place: str, model: str, asked: Mapping[str, str]) -> Said:
        """Of a model, the newest first, by page; with a filter those that have a label of this name."""
        if place != self.place or model not in self.models:
            return _refused(404)
        label = _HAS_LABEL.fullmatch(asked.get("filter", ""))
        if "filter" in asked and label is None:
            return _refused(400)
        versions, path = self.models[model], f"projects/4711/{place.split('/', 2)[2]}"
        found = (
            number
            for number in range(len(versions), 0, -1)
            if label is None or label[1] in (versions[number - 1].more.get("labels") or ())
        )
        start, most = int(asked.get("pageToken", 0)), min(int(asked.get("pageSize", 100)), 100)
        numbers = list(islice(found, start, start + most + 1))
        page = [
            _told(path, model, number, versions[number - 1]) | {"name": f"{path}/models/{model}@{number}"}
            for number in numbers[:most]
        ]
        return _json({"models": page} | ({"nextPageToken": str(start + most)} if len(numbers) > most else {}))

    def told(self, method: str, path: str, headers: Mapping[str, str], content: bytes) -> Said:
        """What is said to POST and PATCH of models."""
        if status := self.refuses_writes(headers):
            return _refused(status)
        parts = urlsplit(path)
        found = (_MERGE if method == "POST" else _MODEL).fullmatch(unquote(parts.path))
        versions = self.models.get(found[2], []) if found and found[1] == self.place else []
        if found is None or not 0 < int(found[3]) <= len(versions):
            return _refused(404)
        self.written.append(json.loads(content))
        if method == "POST":
            return self._merge(found[2], int(found[3]), self.written[-1])
        return self._patch(found[2], int(found[3]), parse_qs(parts.query), self.written[-1])

    def _merge(self, model: str, number: int, told: Json) -> Said:
        for alias in told["versionAliases"]:
            if not _ALIAS.fullmatch(alias):
                return _refused(400)
            if alias.startswith("-"):
                self.models[model][number - 1].aliases.discard(alias[1:])
            else:
                self.alias(model, alias, number)
        self.models[model][number - 1].writes += 1
        return self._model(self.place, model, str(number), evaluations=False)

    def _patch(self, model: str, number: int, asked: Mapping[str, list[str]], told: Json) -> Said:
        """Labels alone, as a whole, and of a version that is as its etag says."""
        version = self.models[model][number - 1]
        if told.get("etag") not in (None, version.etag):
            return _refused(409)
        labels = told.get("labels", {})
        fits = all(_KEY.fullmatch(key) and _VALUE.fullmatch(text) for key, text in labels.items())
        if asked.get("updateMask") != ["labels"] or not fits or len(labels) > 64:
            return _refused(400)
        version.more, version.writes = {**version.more, "labels": labels}, version.writes + 1
        return self._model(self.place, model, str(number), evaluations=False)

    def _listed(self, bucket: str, prefix: str, token: str) -> Json:
        keys = sorted(key for of, key in self.objects if of == bucket and key.startswith(prefix) and key >= token)
        items = [self._item(bucket, key) for key in keys[: self.page]]
        return {"kind": "storage#objects", "items": items} | (
            {"nextPageToken": keys[self.page]} if len(keys) > self.page else {}
        )

    def _item(self, bucket: str, key: str) -> Json:
        generation, content = self.objects[bucket, key]
        return {"name": key, "bucket": bucket, "size": str(len(content)), "generation": str(generation)}

    def _object(self, bucket: str, key: str, headers: Mapping[str, str]) -> Said:
        if (bucket, key) not in self.objects:
            return _refused(404)
        generation, content = self.objects[bucket, key]
        told = {"ETag": f'"{generation}"', "x-goog-generation": str(generation)}
        asked = _RANGE.fullmatch(headers.get("range", ""))
        if asked is None or headers.get("if-range") not in (None, told["ETag"]):
            return 200, content, told
        first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        told["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return 206, content[first : last + 1], told


def _told(path: str, model: str, number: int, version: Version) -> Json:
    return {
        "name": f"{path}/models/{model}",
        "displayName": model,
        "versionId": str(number),
        "createTime": "2026-10-01T09:00:00.123456Z",
        "versionCreateTime": MADE_AT,
        "versionAliases": sorted(version.aliases),
        "etag": version.etag,
        "artifactUri": version.uri,
        "containerSpec": {"imageUri": "europe-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-5:latest"},
        **version.more,
    }


def _json(told: Json) -> Said:
    return 200, json.dumps(told).encode(), {"Content-Type": "application/json"}


def _refused(status: int) -> Said:
    said = {"code": status, "status": _WORDS[status], "message": "Not for you."}
    return status, json.dumps({"error": said}).encode(), {"Content-Type": "application/json"}


@contextmanager
def serving(cloud: Cloud, address: str = "127.0.0.1", port: int = 0) -> Iterator[Cloud]:
    """The cloud at an address of this machine, at its `url`."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if self.path.startswith("/v1/"):
                self._told()
                return
            token = cloud.token(self.content().decode())
            said = {"access_token": token, "expires_in": 3599} if token else {"error": "invalid_grant"}
            self.say(200 if token else 400, json.dumps(said).encode(), {"Content-Type": "application/json"})

        def do_PATCH(self) -> None:
            self._told()

        def _told(self) -> None:
            headers = {name.lower(): text for name, text in self.headers.items()}
            self.say(*cloud.told(self.command, self.path, headers, self.content()))

        def do_GET(self) -> None:
            self.say(*cloud.answer(self.path, {name.lower(): text for name, text in self.headers.items()}))

    with web_server(Handler, address, port) as url:
        cloud.url = cloud.url or url
        yield cloud
