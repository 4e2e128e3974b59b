"""Vertex AI's model registry: a version or an alias of a model to its bytes in Google Cloud Storage."""

import re
from typing import TYPE_CHECKING, Any, Final

from crossfade.adapters.buckets.bucket import place
from crossfade.adapters.paging import Page, all_listed
from crossfade.adapters.registries.vertex_facts import facts
from crossfade.adapters.registries.vertex_writing import VertexWriting
from crossfade.adapters.vertex_server import VertexError, VertexServer
from crossfade.adapters.web import LargeAnswerError
from crossfade.api.v1alpha1.spelling import is_version
from crossfade.model.loose import member, objects, text
from crossfade.ports import Listed, Reference, SourceError

if TYPE_CHECKING:
    from crossfade.api.v1alpha1.hosted import VertexSource
    from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
    from crossfade.api.v1alpha1.modelversion import Source
    from crossfade.model.writing import Deed

Json = dict[str, Any]
_MEND: Final = "register it there, or correct `source.vertexAI`"
_VERSION: Final = re.compile(r"[1-9][0-9]{0,18}")
_JOB: Final = re.compile(r"projects/[^/]+/locations/([^/]+)/(pipelineJobs/[a-z0-9-]+)")
_EVALUATIONS: Final = {"pageSize": "100"}
_PAGE: Final = 100
_LABEL: Final = "version"


class VertexRegistry:
    """The Registry port for the Vertex AI of one project in one location."""

    def __init__(self, server: VertexServer) -> None:
        self._server = server
        self._what = f"Vertex AI at {server.shown}"
        self._writing = VertexWriting(server)

    async def record(self, deed: "Deed") -> None:
        """See ports.WriteBack."""
        await self._writing.record(deed)

    async def resolve(self, source: "Source") -> Reference:
        """Follow the alias once. Raises SourceError; what is missing may still appear, so that is retried."""
        asked = source.vertex_ai
        if asked is None:
            raise SourceError("the source is in no Vertex AI; name a model in `source.vertexAI`", retry=False)
        found = await self._model(asked)
        version = self._version(asked, found)
        name = f"{asked.model}@{version}"
        evaluations = await self._perhaps(f"models/{name}/evaluations", _EVALUATIONS)
        known = facts(found, evaluations, await self._job(found), self._page(asked.model, version))
        where = f"projects/{self._server.project}/locations/{self._server.location}/models/{name}"
        exact = asked.model_copy(update={"version": version, "alias": None})
        pinned = source.model_copy(update={"vertex_ai": exact})
        return Reference(where, self._place(name, found), version, known, pinned)

    async def versions(self, spec: "ModelSourceSpec") -> Listed:
        """All versions that have a label `version`, by its value with a dot for each `_`, which labels have in place of
        dots; of equal ones the latest. Raises SourceError."""
        from crossfade.api.v1alpha1.hosted import VertexSource
        from crossfade.api.v1alpha1.modelversion import Source

        model = spec.vertex_ai.model if spec.vertex_ai else ""
        which = {"filter": f"labels.{_LABEL}:*", "pageSize": str(_PAGE)}

        async def page(token: str | None) -> Page:
            after = {} if token is None else {"pageToken": token}
            try:
                told = await self._server.get(f"models/{model}:listVersions", which | after)
            except VertexError as failure:
                raise self._explained(model, failure) from None
            return objects(told.get("models")), text(told.get("nextPageToken"))

        found: dict[str, int] = {}
        async for one in all_listed(page, _PAGE, f"the model {model!r}"):
            said = (text(member(one, "labels").get(_LABEL)) or "").replace("_", ".")
            number = text(one.get("versionId")) or ""
            if is_version(said) and _VERSION.fullmatch(number):
                found[said] = max(int(number), found.get(said, 0))

        def source(said: str) -> Source:
            exact = VertexSource(model=model, version=str(found[said]))
            return Source(vertex_ai=exact, registry_ref=spec.registry_ref)

        return Listed(tuple(found), source)

    async def _model(self, asked: "VertexSource") -> Json:
        name = f"{asked.model}@{asked.version or asked.alias}"
        try:
            return await self._server.get(f"models/{name}")
        except VertexError as failure:
            raise self._explained(name, failure) from None

    def _version(self, asked: "VertexSource", found: Json) -> str:
        identity = str(found.get("name")).rpartition("/models/")[2].partition("@")[0]
        version = text(found.get("versionId")) or ""
        if identity != asked.model or not _VERSION.fullmatch(version) or asked.version not in (None, version):
            raise SourceError(
                f"{self._what} answered with another model or version than {asked.model}@"
                f"{asked.version or asked.alias}; check its address"
            )
        return version

    def _place(self, name: str, found: Json) -> str:
        """The folder with the model's files."""
        uri = text(found.get("artifactUri"))
        if uri is None:
            raise SourceError(
                f"the model {name} of {self._what} has no artifactUri, as models have that Google trained itself; "
                "upload one with its files"
            )
        try:
            where = place(uri)
        except SourceError:
            where = None
        if where is None or where.scheme != "gs" or not where.key:
            raise SourceError(
                f"the model {name} of {self._what} has the artifactUri {uri[:256]!r}, which is no folder of Google "
                "Cloud Storage; upload it with one"
            )
        return str(where)

    async def _job(self, found: Json) -> Json:
        """The pipeline's run that made the model."""
        named = _JOB.fullmatch(str(found.get("pipelineJob")))
        return await self._perhaps(named[2], {}) if named and named[1] == self._server.location else {}

    async def _perhaps(self, path: str, parameters: dict[str, str]) -> Json:
        """What is there; empty where it is not for us, or larger than anybody reads. Raises SourceError where another
        time may end better."""
        try:
            return await self._server.get(path, parameters)
        except LargeAnswerError:
            return {}
        except VertexError as failure:
            if failure.passing:
                raise
            return {}

    def _page(self, model: str, version: str) -> str:
        """Where people see it."""
        where = f"locations/{self._server.location}/models/{model}/versions/{version}"
        return f"https://console.cloud.google.com/vertex-ai/models/{where}?project={self._server.project}"

    def _explained(self, name: str, failure: VertexError) -> SourceError:
        said = f"{failure.status} {failure.code}".rstrip()
        where = f"the project {self._server.project} in {self._server.location}"
        if failure.status == 401:
            return SourceError(
                f"{self._what} does not accept who asks for the model {name} ({said}); give `credentials` that it "
                "knows, or renew those that have expired"
            )
        if failure.status == 403:
            return SourceError(
                f"{self._what} does not let the operator read the model {name} of {where} ({said}); give its service "
                "account `aiplatform.models.get`, as the role Vertex AI Viewer has it"
            )
        if failure.status == 404:
            return SourceError(f"{self._what} has no model {name} in {where} ({said}); {_MEND}")
        return failure
