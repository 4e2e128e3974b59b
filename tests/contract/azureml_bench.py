"""Models in a workspace and in a registry of Azure ML, whose bytes are in Azurite."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from crossfade.api.v1alpha1.hosted import AzureMlSource
from crossfade.api.v1alpha1.modelversion import RegistryRef, Source
from crossfade.model.access import Access, Secrets

from tests.contract.registry_contract import Subject
from tests.contract.store_bench import AzureBench, Clients, azure_bench
from tests.support.azure_ml import GROUP, SUBSCRIPTION, TENANT, Azure, serving

WORKSPACE, REGISTRY = "workspaces/ws-risk", "registries/reg-risk"
SECRETS = {who: f"{who}~canary.of.azure" for who in ("reader", "outsider", "writer")}
_RIGHTS = {WORKSPACE: "workspaces/models/versions", REGISTRY: "registries/assets"}
_STRANGER = "stranger~canary.of.azure"


def way_in(address: str, who: str, owner: str) -> Access:
    """To a workspace or a registry."""
    kind, _, name = owner.partition("/")
    options = {
        kind.replace("ies", "y").removesuffix("s"): name,
        "subscription": SUBSCRIPTION,
        "resourceGroup": GROUP,
        "login": address,
        "blobs": f"{address}/blob",
    }
    secrets = {"tenantId": TENANT, "clientId": who, "clientSecret": SECRETS.get(who, _STRANGER)}
    return Access("azureML", address, tuple(sorted(options.items())), Secrets(secrets))


def source(name: str, **selector: Any) -> Source:
    """What this selects of a model."""
    asked = AzureMlSource.model_validate({"name": name, **selector})
    return Source(azureML=asked, registry_ref=RegistryRef(name="azure"))


@dataclass
class AzureMlBench:
    """Azure's stand-in, and its storage."""

    azure: Azure
    store: AzureBench

    @property
    def canaries(self) -> tuple[str, ...]:
        """All secrets."""
        return (*SECRETS.values(), _STRANGER, *self.store.canaries, *self.azure.tokens)

    def access(self, address: str, who: str = "reader", owner: str = WORKSPACE) -> Access:
        """The way in to a workspace or a registry."""
        return way_in(address, who, owner)

    def put(self, folder: str, **files: bytes) -> str:
        """Upload a model; returns its path."""
        for name, content in files.items():
            self.store.put(f"{folder}/{name}", content)
        return folder

    def uri(self, folder: str, owner: str = WORKSPACE) -> str:
        """As Azure writes it."""
        if owner == REGISTRY:
            return f"https://{self.store.account}.blob.core.windows.net/models/{folder}"
        return (
            f"azureml://subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/workspaces/{owner.partition('/')[2]}"
            f"/datastores/blobs/paths/{folder}"
        )

    def model(self, owner: str = WORKSPACE) -> "Model":
        """An empty one."""
        return Model(self, owner, f"Fraud-{uuid.uuid4().hex[:8]}")


@dataclass
class Model:
    """A model of a workspace or a registry."""

    bench: AzureMlBench
    owner: str
    name: str

    def register(self, version: str, **properties: Any) -> str:
        """One more version with bytes of its own; returns their folder."""
        folder = self.bench.put(f"{self.name}/{version}", **{"weights.bin": version.encode() * 100, "MLmodel": b"{}"})
        self.bench.azure.register(self.owner, self.name, version, self.bench.uri(folder, self.owner), **properties)
        return folder

    def asked(self, **selector: Any) -> Source:
        """The source that means it."""
        return source(self.name, **selector)


def a_subject(bench: AzureMlBench, owner: str = WORKSPACE) -> Subject:
    """A model whose version in production is its first."""
    model, spelled = bench.model(owner), bench.model(owner)
    folder = model.register("1", stage="Production")
    model.register("2", stage="Staging")
    odd = bench.put(f"{spelled.name}/größe/模型+&=%41", **{"poids é.bin": b"weights"})
    bench.azure.register(owner, spelled.name, "1", bench.uri(odd, owner))

    def access(who: str) -> Callable[[str], Access]:
        return lambda address: bench.access(address, who, owner)

    return Subject(
        upstream=bench.azure.url,
        access=access("reader"),
        stranger=access("stranger"),
        outsider=access("outsider"),
        exact=model.asked(version="1"),
        mutable=model.asked(stage="Production"),
        missing=(model.asked(version="99"), model.asked(stage="None"), bench.model(owner).asked(label="latest")),
        unicode=spelled.asked(version="1"),
        move=lambda: model.register("3", stage="Production") and None,
        overwrite=lambda _: bench.put(folder, **{"weights.bin": b"others"}) and None,
        permission=f"`Microsoft.MachineLearningServices/{_RIGHTS[owner]}/read`",
        canaries=bench.canaries,
        asks="/providers/",
        reads="/blob/devstoreaccount1/models/",
    )


@contextmanager
def azureml_bench(speaking: Clients, address: str = "127.0.0.1", port: int = 0) -> Iterator[AzureMlBench]:
    """Azure with a workspace and a registry, at an address of this machine."""
    with azure_bench(speaking) as store:
        made = Azure(SECRETS | {}, {"reader"}, store.account, store.url, store.signed["reader"])
        made.datastore(WORKSPACE.partition("/")[2], "blobs")
        with serving(made, address, port):
            yield AzureMlBench(made, store)
