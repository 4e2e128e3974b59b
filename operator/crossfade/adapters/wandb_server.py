"""One server of Weights & Biases: its GraphQL, and the files that it signs addresses for."""

import json
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Any, Final

from crossfade.adapters.json_object import json_object
from crossfade.adapters.said import code as code_of
from crossfade.adapters.signed import SignedFiles
from crossfade.adapters.wandb_address import WandbAddress
from crossfade.adapters.web import Guard, Reply, Web
from crossfade.model.access import Access
from crossfade.model.loose import count, member, objects, text
from crossfade.ports import WHOLE, DamagedError, Part, SourceError

Json = dict[str, Any]
_LONGEST_WAIT: Final = 300.0
_DENIED: Final = "permission denied"

_LISTED: Final = """query Listed($entity: String!, $project: String!, $name: String!) {
  project(name: $project, entityName: $entity) {
    artifactCollectionMembership(name: $name) {
      artifact { id digest currentManifest { file { directUrl } } }
    }
  }
}"""
_SIGNED: Final = """query Signed($entity: String!, $project: String!, $collection: String!, $version: String!,
    $names: [String!]) {
  project(name: $project, entityName: $entity) {
    artifactCollection(name: $collection) {
      artifactMembership(aliasName: $version) { files(names: $names, first: 10) { edges { node { name directUrl } } } }
    }
  }
}"""


class WandbError(SourceError):
    """The server refused. `status` is HTTP's, `code` the server's own word for why; empty when it gave none."""

    def __init__(self, message: str, status: int, code: str, *, denied: bool, wait: float = 0.0) -> None:
        super().__init__(message, wait=wait)
        self.status = status
        self.code = code
        self._denied = denied

    @property
    def unknown(self) -> bool:
        """Whether it does not know who asks."""
        return self.status == 401

    @property
    def forbidden(self) -> bool:
        """Whether who asks may not."""
        return self.status == 403 or self._denied

    @property
    def passing(self) -> bool:
        """Whether another time may end better."""
        return self.status == 429 or self.status >= 500


class WandbServer:
    """A client of the server that `access` describes; `timeout` is in seconds for a whole request with its answer.
    Files are where the server says, and are asked for without the key. Raises SourceError when the access cannot be
    used as it is."""

    def __init__(self, access: Access, guard: Guard | None = None, timeout: float = 30.0) -> None:
        headers = _headers(access)
        self._web = Web(access.address, headers=headers, ca=access.ca, guard=guard, timeout=timeout)
        beyond = guard.beyond if guard else Guard()
        self._signed = SignedFiles(access.address, access.ca, beyond, timeout, self._web.slots)
        self.shown = self._web.shown
        self.known = bool(headers)
        """Whether there is a key."""

    async def close(self) -> None:
        """Close all connections."""
        await self._web.close()
        await self._signed.close()

    async def ask(self, query: str, **variables: object) -> Json:
        """What GraphQL says to a query that has a name. Raises WandbError when refused, SourceError when there is no
        proper answer, and LargeAnswerError."""
        what = f"W&B at {self.shown}"
        told = json.dumps({"query": query, "variables": variables}).encode()
        reply = await self._web.tell(what, "/graphql", told, {"Content-Type": "application/json"})
        answer = json_object(reply.content)
        failures = objects((answer or {}).get("errors"))
        if reply.status != 200 or failures:
            raise _refusal(f"{what} refused the question {_name(query)}", reply, failures)
        if answer is None or not isinstance(answer.get("data"), dict):
            raise SourceError(f"{what} answered {_name(query)} with no data; check that the address is W&B's API")
        return dict(answer["data"])

    async def manifest(self, address: WandbAddress) -> Json:
        """The list of the artifact's files. Raises SourceError, and DamagedError when the version is another artifact
        by now."""
        name = f"{address.collection}:{address.version}"
        found = await self.ask(_LISTED, entity=address.entity, project=address.project, name=name)
        artifact = member(member(member(found, "project"), "artifactCollectionMembership"), "artifact")
        if not artifact:
            raise SourceError(f"W&B at {self.shown} has no {address.name} any longer")
        if (artifact.get("id"), artifact.get("digest")) != (address.artifact, address.digest):
            raise DamagedError(f"{address.name} is another artifact at W&B {self.shown} than when it was resolved")
        place = text(member(member(artifact, "currentManifest"), "file").get("directUrl"))
        what = f"the list of files of {address.name} at W&B {self.shown}"
        manifest = json_object(await self._signed.whole(what, place)) if place else None
        if manifest is None:
            raise SourceError(f"{what} is none; check that the address is W&B's API")
        return manifest

    def download(self, address: WandbAddress, path: str, part: Part = WHOLE) -> AsyncGenerator[bytes]:
        """Stream a part of the file at `path`. Raises SourceError, and FromStartError."""
        what = f"the file {path!r} of {address.name} at W&B {self.shown}"
        return self._signed.read(what, (address, path), partial(self._sign, what, address, path), part)

    async def _sign(self, what: str, address: WandbAddress, path: str) -> str:
        asked = {"entity": address.entity, "project": address.project, "collection": address.collection}
        found = await self.ask(_SIGNED, **asked, version=address.version, names=[path])
        kept = member(member(member(found, "project"), "artifactCollection"), "artifactMembership")
        for edge in objects(member(kept, "files").get("edges")):
            node = member(edge, "node")
            if node.get("name") == path and (place := text(node.get("directUrl"))):
                return place
        raise SourceError(f"{what} is not there any longer")


def _headers(access: Access) -> Mapping[str, str]:
    key = access.secrets.get("apiKey")
    if key and not key.isascii():
        raise SourceError("the key `apiKey` of the Secret must be plain ASCII, as W&B gave it out")
    return {"Authorization": f"Basic {b64encode(f'api:{key}'.encode()).decode()}"} if key else {}


def _refusal(sentence: str, reply: Reply, failures: list[Json]) -> WandbError:
    """Of what the server says its code alone is repeated: sentences may repeat what was sent."""
    said = next((found for one in failures if (found := text(member(one, "extensions").get("code")))), "")
    code = code_of(said)
    denied = any(_DENIED in str(one.get("message")).lower() for one in failures)
    wait = reply.wait or _until_reset(reply)
    return WandbError(f"{sentence} with {reply.status} {code}".rstrip(), reply.status, code, denied=denied, wait=wait)


def _until_reset(reply: Reply) -> float:
    """Seconds that W&B's own header asks for when there is no Retry-After."""
    found = count(reply.headers.get("ratelimit-reset")) if reply.status == 429 else None
    return min(float(found), _LONGEST_WAIT) if found else 0.0


def _name(query: str) -> str:
    return query.split()[1].partition("(")[0]
