"""Azure ML's model registry: a version, or the newest one that has a label, a stage or a tag."""

from typing import TYPE_CHECKING, Any, Final

from crossfade.adapters.azureml_places import model_uri
from crossfade.adapters.azureml_server import AzureMlServer
from crossfade.adapters.registries.azureml_facts import facts
from crossfade.adapters.registries.azureml_writing import AzureMlWriting
from crossfade.api.v1alpha1.spelling import is_version
from crossfade.model.loose import member, text
from crossfade.ports import MOST_LISTED, Listed, Reference, SourceError

if TYPE_CHECKING:
    from crossfade.api.v1alpha1.hosted import AzureMlSource
    from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
    from crossfade.api.v1alpha1.modelversion import Source
    from crossfade.model.writing import Deed

Json = dict[str, Any]
_MEND: Final = "register it there, or correct `source.azureML`"
_VERSION_TAG: Final = "version"


class AzureMlRegistry:
    """The Registry port for one workspace or registry."""

    def __init__(self, server: AzureMlServer) -> None:
        self._server = server
        self._writing = AzureMlWriting(server)

    async def record(self, deed: "Deed") -> None:
        """See ports.WriteBack."""
        await self._writing.record(deed)

    async def check(self) -> None:
        """See ports.Asked."""
        await self._server.reached()

    async def resolve(self, source: "Source") -> Reference:
        """Follow a label, a stage or a tag once, and describe the version. Raises SourceError; what is missing may
        still appear, so that is retried."""
        asked = source.azure_ml
        if asked is None:
            raise SourceError("the source is in no Azure ML; name a model in `source.azureML`", retry=False)
        version = asked.version or await self._newest(asked)
        found = await self._server.version(asked.name, version)
        told = member(found, "properties")
        if found.get("name") != version:
            raise SourceError(f"{self._server.shown} answered with another version than {version}; check its address")
        state = text(told.get("provisioningState")) or "Succeeded"
        if state != "Succeeded":
            raise SourceError(
                f"the model {asked.name} {version} of {self._server.shown} is {state[:64]!r} and not 'Succeeded'; wait "
                "for Azure, or name another version"
            )
        uri = model_uri(self._server.kind, self._server.name, asked.name, version)
        exact = asked.model_copy(update={"version": version, "label": None, "stage": None, "tag": None})
        pinned = source.model_copy(update={"azure_ml": exact})
        return Reference(uri, uri, version, facts(found, await self._job(told)), pinned)

    async def versions(self, spec: "ModelSourceSpec") -> Listed:
        """All versions that are not archived, by their tag `version`, or by what they are called where they have none;
        of equal ones the one that was made last. Raises SourceError."""
        from crossfade.api.v1alpha1.hosted import AzureMlSource
        from crossfade.api.v1alpha1.modelversion import Source

        model = spec.azure_ml.name if spec.azure_ml else ""
        found: dict[str, str] = {}
        listed = 0
        async for one in self._server.versions(model):
            listed += 1
            if listed > MOST_LISTED:
                raise SourceError(f"the model {model!r} has more than {MOST_LISTED} versions; archive old ones")
            version = text(one.get("name"))
            said = text(member(member(one, "properties"), "tags").get(_VERSION_TAG)) or version
            if version is not None and said is not None and is_version(said):
                found.setdefault(said, version)

        def source(said: str) -> Source:
            exact = AzureMlSource.model_construct(name=model, version=found[said])
            return Source(azure_ml=exact, registry_ref=spec.registry_ref)

        return Listed(tuple(found), source)

    async def _newest(self, asked: "AzureMlSource") -> str:
        """The version that was made last of those that are meant, which Azure lists first."""
        name, _, value = (asked.tag or "").partition("=")
        async for one in self._server.versions(asked.name):
            told = member(one, "properties")
            version = text(one.get("name"))
            if version is None:
                continue
            if asked.label or (asked.stage and told.get("stage") == asked.stage):
                return version
            if asked.tag and member(told, "tags").get(name) == value:
                return version
        what = f"the stage {asked.stage}" if asked.stage else f"the tag {asked.tag}" if asked.tag else "any kind"
        raise SourceError(f"{self._server.shown} has no version of {asked.name} of {what}; {_MEND}")

    async def _job(self, told: Json) -> Json:
        """What is known of the job that made the model, which is in a workspace."""
        name = text(told.get("jobName"))
        if name is None or self._server.kind == "registries":
            return {}
        return await self._server.job(name) or {}
