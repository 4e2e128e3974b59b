"""Azure's resource manager, as far as models of Azure ML go, its token server, and the door of its blob storage.

The vendor's own client reads from it in `tests/contract/test_azureml.py`.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit

import httpx

from tests.support.servers import Quiet
from tests.support.servers import serving as web_server

Json = dict[str, Any]
TENANT = "11111111-2222-3333-4444-555555555555"
SUBSCRIPTION = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
GROUP = "rg-risk"
HOME = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.MachineLearningServices"
BLOBS = "https://storage.azure.com/.default"
MADE_AT = "2026-11-01T10:00:00.1234567+00:00"
"""When all versions were registered, as Azure writes it."""


@dataclass
class Said:
    """An answer."""

    status: int
    content: bytes
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    """In bytes as it is told, where the connection breaks before all have come."""


def json_said(status: int, told: Json) -> Said:
    return Said(status, json.dumps(told).encode(), {"Content-Type": "application/json"})


def refused(status: int, code: str) -> Said:
    return json_said(status, {"error": {"code": code, "message": "as Azure says it"}})


@dataclass
class Azure:
    """Principals by client ID, each with its secret; those in `readers` may read, those in `writers` write too. Blobs
    are those of `account` at `upstream`, which are read there with `signature`."""

    secrets: dict[str, str]
    readers: set[str]
    account: str
    upstream: str
    signature: str
    url: str = ""
    page: int = 100
    follows: str = "http://169.254.169.254"
    """Where its lists say that they go on: nowhere that anybody should be sent by an answer."""
    signed_for: str = "models"
    """The container for which a registry signs."""
    models: dict[str, list[Json]] = field(default_factory=dict)
    """Versions by the path of their model, in the order in which they were made."""
    others: dict[str, Json] = field(default_factory=dict)
    """What else there is, by path."""
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Who and what for, by token."""
    asked: list[str] = field(default_factory=list)
    writers: set[str] = field(default_factory=set)
    written: list[Json] = field(default_factory=list)
    """What was PUT."""
    slow: bool = False
    """Whether what is PUT is not there yet when it is answered, as it may be in a registry."""

    def register(self, owner: str, name: str, version: str, uri: str, **properties: Any) -> None:
        """Make a version in `workspaces/<name>` or `registries/<name>`."""
        path = f"{HOME}/{owner}/models/{name}/versions"
        told = {"modelUri": uri, "modelType": "custom_model", "provisioningState": "Succeeded", "isArchived": False}
        self.models.setdefault(path, []).append(
            {
                "id": f"{path}/{version}",
                "name": version,
                "type": f"Microsoft.MachineLearningServices/{owner.partition('/')[0]}/models/versions",
                "properties": {**told, "tags": {}, "properties": {}, **properties},
                "systemData": {"createdBy": "Ada", "createdByType": "User", "createdAt": MADE_AT},
            }
        )

    def datastore(self, workspace: str, name: str, **told: str) -> None:
        """Make one for the container `models`."""
        properties = {
            "datastoreType": "AzureBlob",
            "accountName": self.account,
            "containerName": "models",
            "endpoint": "core.windows.net",
            "protocol": "https",
            "credentials": {"credentialsType": "None"},
            **told,
        }
        self.others[f"{HOME}/workspaces/{workspace}/datastores/{name}"] = {"name": name, "properties": properties}

    def job(self, workspace: str, name: str, **told: Any) -> None:
        """Make one."""
        self.others[f"{HOME}/workspaces/{workspace}/jobs/{name}"] = {"name": name, "properties": told}

    def answer(self, method: str, target: str, headers: Message, content: bytes) -> Said:
        """What Azure says."""
        parts = urlsplit(target)
        self.asked.append(target)
        if parts.path.endswith("/oauth2/v2.0/token"):
            return self._token(parts.path, dict(parse_qsl(content.decode())))
        if parts.path.endswith("/.well-known/openid-configuration"):
            base = f"https://{headers.get('Host')}/{TENANT}"
            return json_said(
                200,
                {
                    "issuer": f"{base}/v2.0",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                },
            )
        who, scope = self.tokens.get(headers.get("Authorization", "").removeprefix("Bearer "), ("", ""))
        if parts.path.startswith("/blob/"):
            return self._blob(parts.path, parts.query, headers, who if scope == BLOBS else "")
        if not who or scope == BLOBS:
            return refused(401, "InvalidAuthenticationToken")
        if who not in self.writers | (self.readers if method != "PUT" else set()):
            return refused(403, "AuthorizationFailed")
        if "api-version" not in parse_qs(parts.query):
            return refused(400, "MissingApiVersionParameter")
        return self._managed(method, unquote(parts.path), dict(parse_qsl(parts.query)), content)

    def _token(self, path: str, form: Mapping[str, str]) -> Said:
        known = self.secrets.get(form.get("client_id", ""))
        if path != f"/{TENANT}/oauth2/v2.0/token" or form.get("client_secret") != known or known is None:
            return json_said(401, {"error": "invalid_client", "error_description": f"AADSTS7000215: {path}"})
        if form["grant_type"] != "client_credentials" or not form["scope"].endswith("/.default"):
            return json_said(400, {"error": "invalid_request"})
        token = f"eyJ0.canary{uuid.uuid4().hex}"
        self.tokens[token] = form["client_id"], form["scope"]
        return json_said(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    def _managed(self, method: str, path: str, query: Mapping[str, str], content: bytes) -> Said:
        if method == "POST":
            return self._signed(path, json.loads(content))
        if path in self.others:
            return json_said(200, self.others[path])
        if any(place.startswith(f"{path}/models/") for place in self.models):  # a workspace or a registry
            return json_said(200, {"id": path, "name": path.rpartition("/")[2], "properties": {}})
        if path in self.models:
            return self._listed(path, query)
        found = [one for one in self.models.get(path.rpartition("/")[0], []) if one["id"] == path]
        if found and method == "PUT":
            return self._put(found[0], json.loads(content))
        return json_said(200, found[0]) if found else refused(404, "UserError")

    def _put(self, version: Json, told: Json) -> Said:
        """All that is known of it is what was told, and where its files are stays for good."""
        self.written.append(told)
        before, properties = version["properties"], told["properties"]
        if any(properties.get(name) != before.get(name) for name in ("modelUri", "modelType", "jobName")):
            return refused(400, "UserError")
        if self.slow:
            return json_said(201, {**version, "properties": {**before, "provisioningState": "Creating"}})
        kept = dict.fromkeys(before) | properties
        version["properties"] = kept | {"provisioningState": before["provisioningState"]}
        return json_said(200 if "/workspaces/" in version["id"] else 201, version)

    def _listed(self, path: str, query: Mapping[str, str]) -> Said:
        every = query.get("listViewType", "ActiveOnly") == "All"
        found = [one for one in self.models[path] if every or not one["properties"]["isArchived"]]
        if query.get("$orderBy") == "createdtime desc":
            found.reverse()
        at, top = int(query.get("$skip", 0)), int(query.get("$top", len(found)))
        page = found[at : min(at + self.page, top)]
        told: Json = {"value": page}
        if at + self.page < min(len(found), top):
            following = urlencode({**query, "$skip": at + self.page})
            told["nextLink"] = f"{self.follows}{quote(path)}?{following}"
        return json_said(200, told)

    def _signed(self, path: str, told: Json) -> Said:
        version = path.replace("/datareferences/", "/models/")
        known = any(one["id"] == version for one in self.models.get(version.rpartition("/")[0], []))
        if not known or told["assetId"] != f"azureml://{version.removeprefix(f'{HOME}/')}":
            return refused(404, "UserError")
        address = f"https://{self.account}.blob.core.windows.net/{self.signed_for}?{self.signature}"
        credential = {"credentialType": "SAS", "sasUri": address}
        return json_said(200, {"blobReferenceForConsumption": {"blobUri": told["blobUri"], "credential": credential}})

    def _blob(self, path: str, query: str, headers: Message, who: str) -> Said:
        """Who has a token reads what the storage lets its bearer read; a signature is checked there."""
        if who and who not in self.readers:
            return Said(403, b"", {"x-ms-error-code": "AuthorizationPermissionMismatch"})
        if not who and "sig=" not in query:
            return Said(401, b"", {"x-ms-error-code": "InvalidAuthenticationInfo"})
        whole = "&".join(filter(None, (query, self.signature if who else "")))
        passed = {name: headers[name] for name in ("Range", "If-Range", "x-ms-range") if name in headers}
        target = f"{self.upstream}{path.removeprefix('/blob')}?{whole}"
        found = httpx.get(target, headers={"x-ms-version": "2023-11-03", **passed}, timeout=60, trust_env=False)
        kept = ("etag", "last-modified", "content-range", "content-type", "x-ms-error-code", "x-ms-blob-type")
        return Said(found.status_code, found.content, {n: found.headers[n] for n in kept if n in found.headers})


@contextmanager
def serving(azure: Azure, address: str = "127.0.0.1", port: int = 0) -> Iterator[Azure]:
    """Azure at an address of this machine, at its `url`."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._write(azure.answer("GET", self.path, self.headers, b""))

        def do_POST(self) -> None:
            self._write(azure.answer(self.command, self.path, self.headers, self.content()))

        do_PUT = do_POST  # noqa: N815 - the library's name

        def _write(self, said: Said) -> None:
            self.send_response(said.status)
            for name, text in said.headers.items():
                self.send_header(name, text)
            length = said.length if said.length is not None else len(said.content)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(said.content)
            self.close_connection = length > len(said.content)

    with web_server(Handler, address, port) as url:
        azure.url = url
        yield azure
