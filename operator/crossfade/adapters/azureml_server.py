"""One workspace or registry of Azure Machine Learning, by Azure's resource manager, and the blobs of its models."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from crossfade.adapters.address import query_of
from crossfade.adapters.azure_tokens import azure_tokens
from crossfade.adapters.azureml_places import Blobs
from crossfade.adapters.buckets.azure import AzureBucket
from crossfade.adapters.json_object import json_object
from crossfade.adapters.kept_open import KeptOpen
from crossfade.adapters.said import code
from crossfade.adapters.web import Guard, LargeAnswerError, Web
from crossfade.model.access import Access
from crossfade.model.loose import member, objects, text
from crossfade.ports import SourceError

Json = dict[str, Any]
_API: Final = {"api-version": "2025-12-01"}
_BLOBS: Final = "https://storage.azure.com/.default"
_JSON: Final = {"Content-Type": "application/json"}
_MOST_PAGES: Final = 200
_MOST_STORES: Final = 4
_OPEN: Final = "nocredentials"
"""What a registry says of blobs that everybody may read; its API writes `NoCredentials`, and Azure's client
`no_credentials`."""
_PASSING: Final = (401, 408, 429)
_TAKEN: Final = (200, 201)

_RIGHTS: Final = {
    "workspaces": "Microsoft.MachineLearningServices/workspaces/{thing}/{does}",
    "registries": "Microsoft.MachineLearningServices/registries/assets/{does}",
}


class AzureMlError(SourceError):
    """Azure refused, or said nothing that is understood."""

    def __init__(self, message: str, status: int, wait: float = 0.0) -> None:
        super().__init__(message, wait=wait)
        self.status = status

    @property
    def passing(self) -> bool:
        """Whether another time may end better."""
        return self.status in _PASSING or self.status >= 500


class AzureMlServer:
    """A client of what `access` describes; `timeout` is in seconds for a whole request with its answer. Nothing is
    looked for elsewhere: no variable, no metadata server. Raises SourceError when the access cannot be used as it
    is."""

    def __init__(self, access: Access, guard: Guard | None = None, timeout: float = 30.0) -> None:
        login = access.option("login") or ""
        self._access, self._guard, self._timeout = access, guard, timeout
        self._web = Web(access.address, ca=access.ca, guard=guard, timeout=timeout)
        self._tokens = azure_tokens(access, login, f"{access.address.rstrip('/')}/.default", guard, timeout)
        self._blob_tokens = azure_tokens(access, login, _BLOBS, guard, timeout)
        self._stores: KeptOpen[tuple[str, str, bool], AzureBucket] = KeptOpen(_MOST_STORES)
        self.kind = "registries" if access.option("registry") else "workspaces"
        self.name = access.option("registry") or access.option("workspace") or ""
        self.subscription, self.group = access.option("subscription") or "", access.option("resourceGroup") or ""
        self.shown = f"Azure ML's {'registry' if access.option('registry') else 'workspace'} {self.name}"
        self._home = (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
            f"/providers/Microsoft.MachineLearningServices/{self.kind}/{self.name}"
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._web.close()
        await self._tokens.close()
        await self._blob_tokens.close()
        await self._stores.close()

    async def reached(self) -> None:
        """Ask for the workspace or the registry itself. Raises as `version`; who may not see it is known all the
        same."""
        try:
            await self._asked("", {}, "registry" if self.kind == "registries" else "workspace", "")
        except AzureMlError as failure:
            if failure.status == HTTPStatus.NOT_FOUND:
                told = f"{self.shown} is not at {self._web.shown} ({failure.status})"
                raise SourceError(f"{told}; correct `azureML` in the ModelRegistry") from None
            if failure.status != HTTPStatus.FORBIDDEN:
                raise

    async def version(self, name: str, version: str) -> Json:
        """What is known of a model's version. Raises AzureMlError when refused, SourceError when there is no proper
        answer."""
        thing = f"version {version} of the model {name}"
        return await self._asked(f"/models/{_versioned(name, version)}", {}, thing, "models/versions")

    async def update(self, name: str, version: str, properties: Json) -> None:
        """Have these for all that is known of a model's version. Raises as `version`."""
        thing = f"version {version} of the model {name}"
        place = f"/models/{_versioned(name, version)}"
        await self._asked(place, {}, thing, "models/versions", {"properties": properties}, "PUT")

    async def versions(self, name: str) -> AsyncIterator[Json]:
        """All of a model's versions that are not archived, the newest first. Raises AzureMlError and SourceError."""
        parameters = {"$orderBy": "createdtime desc", "listViewType": "ActiveOnly"}
        for _ in range(_MOST_PAGES):
            thing = f"model {name}"
            page = await self._asked(f"/models/{quote(name)}/versions", parameters, thing, "models/versions")
            for one in objects(page.get("value")):
                yield one
            following = text(page.get("nextLink"))
            if following is None:
                return
            parameters = query_of(following)  # where it leads to is not for an answer to say
        raise SourceError(f"{self.shown} lists versions of {name} without end; name one by `version`")

    async def datastore(self, name: str) -> Json:
        """A datastore of the workspace, without its secrets. Raises AzureMlError and SourceError."""
        found = await self._asked(f"/datastores/{quote(name, safe='')}", {}, f"datastore {name}", "datastores")
        return member(found, "properties")

    async def job(self, name: str) -> Json | None:
        """The job that made a model; None where it is not there any longer, not for us, or larger than anybody reads.
        Raises SourceError where another time may end better."""
        try:
            found = await self._asked(f"/jobs/{quote(name, safe='')}", {}, f"job {name}", "jobs")
        except LargeAnswerError:
            return None
        except AzureMlError as failure:
            if failure.passing:
                raise
            return None
        return member(found, "properties")

    async def signed(self, name: str, version: str, blobs: str) -> str:
        """An address of a registry's blobs that has a signature to read them with, and none where everybody may. Raises
        AzureMlError and SourceError."""
        told = {"assetId": f"azureml://registries/{self.name}/models/{name}/versions/{version}", "blobUri": blobs}
        thing = f"signature for the model {name}"
        found = await self._asked(f"/datareferences/{_versioned(name, version)}", {}, thing, "", told)
        reference = member(found, "blobReferenceForConsumption")
        credential = member(reference, "credential")
        kind = (text(credential.get("credentialType")) or "").replace("_", "").lower()
        given = text(credential.get("sasUri"))
        if given is None and kind == _OPEN:
            return (text(reference.get("blobUri")) or blobs).partition("?")[0]
        if given is None:
            raise SourceError(f"{self.shown} gives no signature for the blobs of {name}; register the model anew")
        return given

    def store(self, blobs: Blobs) -> AbstractAsyncContextManager[AzureBucket]:
        """The client of the account that has these blobs, which has tokens for what comes without a signature."""
        own = self._access.option("blobs")
        address = f"{own.rstrip('/')}/{blobs.account}" if own else f"https://{blobs.host}"

        def made() -> AzureBucket:
            secrets = {"sasToken": blobs.signature} if blobs.signature else {}
            tokens = None if blobs.signature or blobs.public else self._blob_tokens
            return AzureBucket(address, blobs.account, secrets, self._access.ca, self._guard, self._timeout, tokens)

        return self._stores.use((blobs.host, blobs.signature, blobs.public), made)

    async def _asked(
        self,
        path: str,
        parameters: Mapping[str, str],
        thing: str,
        right: str,
        told: Json | None = None,
        method: str = "POST",
    ) -> Json:
        """The answer about a thing, for which a workspace wants this right. With `told` it is a POST, or a PUT."""
        what = f"{self.shown} at {self._web.shown}"
        known = await self._tokens.headers()
        if told is None:
            reply = await self._web.ask(what, f"{self._home}{path}", {**parameters, **_API}, known)
        else:
            place = f"{self._home}{path}?api-version={_API['api-version']}"
            reply = await self._web.tell(what, place, json.dumps(told).encode(), {**_JSON, **known}, method)
        if reply.status == 401:
            self._tokens.forget(known)
        answer = json_object(reply.content)
        if reply.status not in _TAKEN:
            does = "write" if method == "PUT" else "read"
            allowed = _RIGHTS[self.kind].format(thing=right, does=does)
            sentence = _refusal(what, thing, does, allowed, reply.status, answer or {})
            raise AzureMlError(sentence, reply.status, reply.wait)
        if answer is None:
            raise AzureMlError(f"{what} answered with no JSON object; check that its address is Azure's", reply.status)
        return answer


def _versioned(name: str, version: str) -> str:
    return f"{quote(name)}/versions/{quote(version, safe='')}"


def _refusal(what: str, thing: str, does: str, right: str, status: int, answer: Json) -> str:
    """The sentence; of what Azure says its name for why is told, such as AuthorizationFailed."""
    said = f"{status} {code(member(answer, 'error').get('code'))}".rstrip()
    if status == 401:
        return (
            f"{what} does not accept who asks for the {thing} ({said}); give `credentials` that it knows, or renew "
            "those that have expired"
        )
    if status == 403:
        return f"{what} does not let the operator {does} the {thing} ({said}); allow its service principal `{right}`"
    if status == 404:
        return f"{what} has no {thing} ({said}); register it there, or correct `source.azureML`"
    return f"{what} answered with {said}"
