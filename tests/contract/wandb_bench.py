"""What tests do to the stand-in for Weights & Biases, and how they are let in."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from crossfade.adapters.wandb_address import parsed
from crossfade.api.v1alpha1.hosted import WandbSource
from crossfade.api.v1alpha1.modelversion import RegistryRef, Source
from crossfade.model.access import Access, Secrets

from tests.contract.registry_contract import Subject
from tests.support.wandb_cloud import SIGNATURE, Artifact, Cloud, Run, serving

READER, OUTSIDER, STRANGER = (f"canary{who}".ljust(40, "0") for who in ("reader", "outsider", "stranger"))
ORGANIZATION, ITS_ENTITY = "acme", "acme-org-entity"


@contextmanager
def a_cloud() -> Iterator[Cloud]:
    """W&B with two users, who are in one organization."""
    made = Cloud(keys={READER: "reader", OUTSIDER: "outsider"}, organizations={ORGANIZATION: ITS_ENTITY})
    with serving(made):
        yield made


def way_in(key: str, address: str) -> Access:
    return Access("wandb", address, secrets=Secrets({"apiKey": key}))


def anybody(address: str) -> Access:
    return Access("wandb", address)


def source(path: str, name: str = "v0") -> Source:
    """A version or an alias of the artifact at `<entity>/<project>/<name>`, in a registry where the project is one."""
    entity, project, collection = path.split("/")
    registry = project.removeprefix("wandb-registry-")
    where = {"project": project} if registry == project else {"registry": registry}
    selector = "version" if name.startswith("v") else "alias"
    asked = WandbSource.model_validate({"entity": entity, "collection": collection, **where, selector: name})
    return Source(wandb=asked, registry_ref=RegistryRef(name="wandb"))


def a_path(name: str = "model") -> str:
    return f"team/fraud-{uuid.uuid4().hex[:8]}/{name}"


def logged(cloud: Cloud, path: str, number: int, **more: Any) -> Artifact:
    files = {"model.bin": f"{path} {number}".encode() * 20, "config.json": b'{"version": %d}' % number}
    return cloud.log(path, files, **more)


def a_subject(cloud: Cloud) -> Subject:
    """A model of one version, that two aliases mean; one of them moves."""
    path, spelled = a_path(), a_path("modèle 模型")
    logged(cloud, path, 1)
    cloud.alias(path, "champion", 0)
    cloud.log(spelled, {"poids é/模型.json": b"{}", "a b+c%20.bin": b"1" * 300})
    cloud.alias(spelled, "añejo", 0)
    entity, project, _ = path.split("/")
    cloud.readers[entity, project] = {"reader"}

    def move() -> None:
        cloud.alias(path, "champion", logged(cloud, path, 2).version)

    def overwrite(uri: str) -> None:
        number = next(one.number for one in cloud.artifacts if one.id == parsed(uri).artifact)
        cloud.artifacts[number].files["model.bin"] = b"\x09" * len(cloud.artifacts[number].files["model.bin"])

    return Subject(
        upstream=cloud.url,
        access=partial(way_in, READER),
        stranger=partial(way_in, STRANGER),
        outsider=partial(way_in, OUTSIDER),
        exact=source(path),
        mutable=source(path, "champion"),
        missing=(source(path, "v9"), source(path, "none"), source(f"{path}x"), source("team/none/model")),
        unicode=source(spelled, "añejo"),
        move=move,
        overwrite=overwrite,
        permission="a role that may read it",
        canaries=(READER, OUTSIDER, STRANGER, SIGNATURE),
        asks="/graphql",
        reads="/model.bin",
    )


def a_link(cloud: Cloud) -> str:
    """The path of a collection in a registry, whose second version is the first of a project that others have."""
    path, registry = a_path(), f"{ITS_ENTITY}/wandb-registry-model/fraud-{uuid.uuid4().hex[:8]}"
    data = cloud.log(a_path("payments"), {"x.csv": b"1"}, kind="dataset")
    logged(cloud, registry, 1)
    cloud.link(logged(cloud, path, 2, run=Run(inputs=[data]), used=["serve1", "serve2"]), registry)
    cloud.alias(registry, "production", 1)
    return registry
