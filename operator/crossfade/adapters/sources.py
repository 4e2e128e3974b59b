"""Which class belongs to which system, and what is open. Modules are imported when their system is first used."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from crossfade.adapters.artifacts.router import ArtifactStore, Stores, plain_stores
from crossfade.adapters.kept_open import KeptOpen
from crossfade.model.access import Access
from crossfade.model.networks import Networks
from crossfade.ports import Artifacts, Listed, Reference, Registry, SourceError, catalogue

if TYPE_CHECKING:  # the loader starts in every pod and needs none of the API's types
    from crossfade.adapters.web import Guard
    from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
    from crossfade.api.v1alpha1.modelversion import Source

_MOST_OPEN = 64
"""Registries whose connections are kept. Those in use are kept beyond it."""


_FLAGS = {"huggingFace": "--hugging-face-address", "mlflow": "--mlflow-address"}


def own_registries(mlflow_address: str | None = None, hugging_face_address: str | None = None) -> Sequence[Access]:
    """The registries of the operator's own configuration, one of a system."""
    addresses = {"huggingFace": hugging_face_address, "mlflow": mlflow_address}
    return [Access(system, address) for system, address in addresses.items() if address]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a system brings: how it resolves, the stores of its own, and how to close them."""

    registry: Callable[[], Registry]
    stores: Stores
    close: Callable[[], Awaitable[None]]


class OpenSource:
    """One registry with its stores, as ports.Opened has it."""

    def __init__(self, parts: Parts, stores: Stores) -> None:
        self._parts = parts
        self.artifacts: Artifacts = ArtifactStore({**stores, **parts.stores})

    @cached_property
    def registry(self) -> Registry:
        """What resolves."""
        return self._parts.registry()

    async def close(self) -> None:
        """Close all connections."""
        await self._parts.close()


class OpenSources:
    """The Sources port. `own` are the registries of the operator's own configuration, whose addresses its administrator
    wrote; all others are written by tenants and pass the egress guard, which lets them lead to the `allowed`
    networks. `volume` is where a claim is mounted, in pods. `timeout` is in seconds for a whole request with its
    answer, and generous: MLflow asks slow stores itself first."""

    def __init__(
        self,
        own: Sequence[Access],
        file_root: Path | None,
        *,
        allowed: Networks = (),
        volume: Path | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._own = own
        self._allowed = allowed
        self._timeout = timeout
        self._stores = plain_stores(file_root, allowed, volume)
        self._open: KeptOpen[Access | None, OpenSource] = KeptOpen(_MOST_OPEN)

    def open(self, access: Access | None) -> AbstractAsyncContextManager[OpenSource]:
        """See ports.Sources."""
        return self._open.use(access, lambda: OpenSource(self._parts(access), self._stores))

    async def close(self) -> None:
        """Close all that nobody uses."""
        await self._open.close()

    def _parts(self, access: Access | None) -> Parts:
        from crossfade.adapters.web import Guard

        if access is not None:
            return _SYSTEMS[access.system](access, Guard(self._allowed), self._timeout)
        guard = Guard(self._allowed, configured=True)
        return _together({own.system: _SYSTEMS[own.system](own, guard, self._timeout) for own in self._own})


def _together(own: Mapping[str, Parts]) -> Parts:
    """Several systems as one: each is asked for what is its own."""

    async def close() -> None:
        for parts in own.values():
            await parts.close()

    registries = {system: cache(parts.registry) for system, parts in own.items()}
    stores = {scheme: store for parts in own.values() for scheme, store in parts.stores.items()}
    return Parts(lambda: _Own(registries), stores, close)


def _azure_ml(access: Access, guard: "Guard", timeout: float) -> Parts:
    from crossfade.adapters.artifacts.azureml_artifacts import AzureMlArtifacts
    from crossfade.adapters.azureml_server import AzureMlServer

    server = AzureMlServer(access, guard, timeout)
    artifacts = AzureMlArtifacts(server)

    def registry() -> Registry:
        from crossfade.adapters.registries.azureml import AzureMlRegistry

        return AzureMlRegistry(server)

    return Parts(registry, {"azureml": lambda: artifacts}, server.close)


def _git(access: Access, guard: "Guard", timeout: float) -> Parts:
    from crossfade.adapters.artifacts.git_artifacts import GitArtifacts
    from crossfade.adapters.dvc_store import DvcStore
    from crossfade.adapters.git_address import SCHEMES
    from crossfade.adapters.git_models import GitModels
    from crossfade.adapters.git_server import GitServer

    server = GitServer(access, guard, timeout)
    store = DvcStore(access, guard, timeout)
    models = GitModels(server, store, access.option("dvcRemote"))
    artifacts = GitArtifacts(models, store)

    def registry() -> Registry:
        from crossfade.adapters.registries.git import GitRegistry

        return GitRegistry(models)

    async def close() -> None:
        await server.close()
        await store.close()

    return Parts(registry, dict.fromkeys(SCHEMES, lambda: artifacts), close)


def _hugging_face(access: Access, guard: "Guard", timeout: float) -> Parts:
    from crossfade.adapters.artifacts.hub_artifacts import HubArtifacts
    from crossfade.adapters.hub_server import HubServer

    server = HubServer(access, guard, timeout)
    artifacts = HubArtifacts(server)

    def registry() -> Registry:
        from crossfade.adapters.registries.hugging_face import HuggingFaceRegistry

        return HuggingFaceRegistry(server)

    return Parts(registry, {"hf": lambda: artifacts}, server.close)


def _mlflow(access: Access, guard: "Guard", timeout: float) -> Parts:
    from crossfade.adapters.artifacts.mlflow_artifacts import MlflowArtifacts
    from crossfade.adapters.mlflow_server import MlflowServer

    server = MlflowServer(access, guard, timeout)
    artifacts = MlflowArtifacts(server)

    def registry() -> Registry:
        from crossfade.adapters.registries.mlflow import MlflowRegistry

        return MlflowRegistry(server)

    return Parts(registry, {"mlflow-artifacts": lambda: artifacts}, server.close)


def _oci(access: Access, guard: "Guard", timeout: float) -> Parts:
    from crossfade.adapters.artifacts.oci_artifacts import OciArtifacts
    from crossfade.adapters.oci_server import OciServer

    server = OciServer(access, guard, timeout)
    artifacts = OciArtifacts(server)

    def registry() -> Registry:
        from crossfade.adapters.registries.oci import OciRegistry

        return OciRegistry(server)

    return Parts(registry, {"oci": lambda: artifacts}, server.close)


def _object_store(access: Access, guard: "Guard", timeout: float) -> Parts:
    from crossfade.adapters.artifacts.bucket_artifacts import BucketArtifacts
    from crossfade.adapters.buckets.opening import opened_bucket, registrys_place

    within = registrys_place(access)
    store = opened_bucket(within.scheme, access, guard, timeout)
    artifacts = BucketArtifacts(store, within)

    def registry() -> Registry:
        from crossfade.adapters.registries.object_store import ObjectStoreRegistry

        return ObjectStoreRegistry(artifacts)

    return Parts(registry, {within.scheme: lambda: artifacts}, store.close)


def _sage_maker(access: Access, guard: "Guard", timeout: float) -> Parts:
    from crossfade.adapters.artifacts.sagemaker_artifacts import SageMakerArtifacts
    from crossfade.adapters.sagemaker_server import SageMakerServer

    server = SageMakerServer(access, guard, timeout)
    artifacts = SageMakerArtifacts(server)

    def registry() -> Registry:
        from crossfade.adapters.registries.sagemaker import SageMakerRegistry

        return SageMakerRegistry(server)

    return Parts(registry, {"s3": lambda: artifacts}, server.close)


def _vertex_ai(access: Access, guard: "Guard", timeout: float) -> Parts:
    from crossfade.adapters.artifacts.vertex_artifacts import VertexArtifacts
    from crossfade.adapters.vertex_server import VertexServer

    server = VertexServer(access, guard, timeout)
    artifacts = VertexArtifacts(server)

    def registry() -> Registry:
        from crossfade.adapters.registries.vertex import VertexRegistry

        return VertexRegistry(server)

    return Parts(registry, {"gs": lambda: artifacts}, server.close)


def _wandb(access: Access, guard: "Guard", timeout: float) -> Parts:
    from crossfade.adapters.artifacts.wandb_artifacts import WandbArtifacts
    from crossfade.adapters.wandb_server import WandbServer

    server = WandbServer(access, guard, timeout)
    artifacts = WandbArtifacts(server)

    def registry() -> Registry:
        from crossfade.adapters.registries.wandb import WandbRegistry

        return WandbRegistry(server)

    return Parts(registry, {"wandb": lambda: artifacts}, server.close)


_SYSTEMS: Mapping[str, Callable[[Access, "Guard", float], Parts]] = {
    "azureML": _azure_ml,
    "git": _git,
    "huggingFace": _hugging_face,
    "mlflow": _mlflow,
    "objectStore": _object_store,
    "oci": _oci,
    "sageMaker": _sage_maker,
    "vertexAI": _vertex_ai,
    "wandb": _wandb,
}


class _Own:
    """The Registry port for the registries of the operator's configuration, by their systems."""

    def __init__(self, registries: Mapping[str, Callable[[], Registry]]) -> None:
        self._registries = registries

    async def resolve(self, source: "Source") -> Reference:
        """See ports.Registry."""
        return await self._of(source.system or "").resolve(source)

    async def versions(self, spec: "ModelSourceSpec") -> Listed:
        """See ports.Catalogue."""
        return await catalogue(self._of(spec.system), spec.system).versions(spec)

    def _of(self, system: str) -> Registry:
        if system not in self._registries:
            raise SourceError(
                f"the operator is configured with no registry for `source.{system}`; name a ModelRegistry in "
                f"`source.registryRef`, or start the operator with {_FLAGS.get(system, 'its address')}"
            )
        return self._registries[system]()
