"""From a ModelRegistry to the Access that it describes: the Secret and the ConfigMap are read when they are needed, and
nothing of them is kept here."""

from base64 import b64decode
from http import HTTPStatus

from crossfade.api.v1alpha1.modelregistry import ConfigMapKeyRef, ModelRegistrySpec
from crossfade.api.v1alpha1.modelversion import ResolvedAccess
from crossfade.model.access import Access, Secrets, secret_keys, secrets_of
from crossfade.model.endpoints import (
    AZURE,
    AZURE_LOGIN,
    GCS,
    s3_endpoint,
    sagemaker_endpoint,
    store_endpoint,
    vertex_endpoint,
)
from crossfade.model.snapshot import RegistryFacts
from crossfade.ports import CONFIG_MAPS, SECRETS, Cluster, ClusterError, Kind, Object, SourceError


async def access_to(cluster: Cluster, namespace: str, registry: RegistryFacts) -> Access:
    """How this registry is reached. Raises SourceError, which names what is missing and never what is there."""
    spec = registry.spec
    told = recorded(registry)
    secrets = Secrets()
    if spec.credentials is not None:
        secrets = await _secrets(cluster, namespace, spec.credentials.secret_ref.name, told.system)
    ca = await _ca(cluster, namespace, spec.tls.ca_config_map_ref) if spec.tls is not None else ""
    options = tuple(sorted(told.options.items()))
    return Access(told.system, told.address, options, secrets, ca)


def recorded(registry: RegistryFacts) -> ResolvedAccess:
    """What loaders need to know of it, without secrets."""
    spec = registry.spec
    system, address, options = _system(spec)
    return ResolvedAccess(
        name=registry.name,
        system=system,
        address=address,
        options=options,
        secret_name=spec.credentials.secret_ref.name if spec.credentials else None,
        ca=spec.tls.ca_config_map_ref if spec.tls else None,
    )


def _system(spec: ModelRegistrySpec) -> tuple[str, str, dict[str, str]]:
    """The member that says which system it is: its name, its address, and what else is sent."""
    if (azure := spec.azure_ml) is not None:
        told = _told(subscription=azure.subscription, workspace=azure.workspace, registry=azure.registry)
        told |= _told(resourceGroup=azure.resource_group, blobs=azure.blob_endpoint)
        return "azureML", azure.endpoint or AZURE, told | {"login": azure.login_endpoint or AZURE_LOGIN}
    if spec.git is not None:
        remote = {"dvcRemote": spec.git.dvc_remote} if spec.git.dvc_remote else {}
        return "git", spec.git.address, remote
    if spec.hugging_face is not None:
        return "huggingFace", spec.hugging_face.address, {}
    if spec.mlflow is not None:
        workspace = {"workspace": spec.mlflow.workspace} if spec.mlflow.workspace else {}
        return "mlflow", spec.mlflow.address, workspace
    if spec.oci is not None:
        return "oci", spec.oci.address, {}
    if (store := spec.object_store) is not None:
        address = store.endpoint or store_endpoint(store.uri, store.region, store.account)
        return "objectStore", address, _told(uri=store.uri, region=store.region, account=store.account)
    if (maker := spec.sage_maker) is not None:
        address = maker.endpoint or sagemaker_endpoint(maker.region)
        return "sageMaker", address, _told(region=maker.region, s3=maker.s3_endpoint or s3_endpoint(maker.region))
    if (vertex := spec.vertex_ai) is not None:
        address = vertex.endpoint or vertex_endpoint(vertex.location)
        kept = vertex.storage_endpoint or GCS
        return "vertexAI", address, _told(location=vertex.location, project=vertex.project, storage=kept)
    if spec.wandb is not None:
        return "wandb", spec.wandb.address, {}
    raise SourceError("the ModelRegistry has no system that this release knows; upgrade the operator")


def _told(**options: str | None) -> dict[str, str]:
    return {name: text for name, text in options.items() if text is not None}


async def _secrets(cluster: Cluster, namespace: str, name: str, system: str) -> Secrets:
    what = f"Secret {name}, which `credentials.secretRef` names,"
    found = (await _read(cluster, SECRETS, namespace, name, what)).get("data") or {}
    wanted = {key: found[key] for key in secret_keys(system) if key in found}
    try:
        return secrets_of({key: b64decode(encoded) for key, encoded in wanted.items()}, system)
    except ValueError as failure:
        raise SourceError(f"{what} {failure}") from None


async def _ca(cluster: Cluster, namespace: str, ref: ConfigMapKeyRef) -> str:
    what = f"ConfigMap {ref.name}, which `tls.caConfigMapRef` names,"
    found = (await _read(cluster, CONFIG_MAPS, namespace, ref.name, what)).get("data") or {}
    if not found.get(ref.key):
        raise SourceError(f"{what} must have certificates in PEM in its key `{ref.key}`")
    return str(found[ref.key])


async def _read(cluster: Cluster, kind: Kind, namespace: str, name: str, what: str) -> Object:
    try:
        return await cluster.get(kind, namespace, name)
    except ClusterError as failure:
        if failure.status == HTTPStatus.NOT_FOUND:
            raise SourceError(f"{what} is not in the namespace {namespace}; create it") from None
        if failure.status == HTTPStatus.FORBIDDEN:
            raise SourceError(
                f"{what} may not be read by the operator; let it `get` that {kind.kind} in the namespace {namespace}"
            ) from None
        raise SourceError(f"{what} cannot be read: the API server answered with {failure.status}") from None
