"""What tests do to the stand-in for Vertex AI, and how they are let in."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from crossfade.adapters.buckets.bucket import place
from crossfade.api.v1alpha1.hosted import VertexSource
from crossfade.api.v1alpha1.modelversion import RegistryRef, Source
from crossfade.model.access import Access, Secrets

from tests.contract.google_door import CLOUD_PLATFORM, READ_STORAGE, GoogleDoor
from tests.contract.registry_contract import Subject
from tests.support.vertex_cloud import Cloud, serving

PROJECT, LOCATION = "risk-1", "europe-west4"
ROLES = ("reader", "outsider", "stranger", "writer")


class VertexBench:
    """The cloud, and who may do what in it: `reader` may read, `writer` write too, `outsider` neither; nobody knows
    `stranger`."""

    def __init__(self, cloud: Cloud, door: GoogleDoor) -> None:
        self.cloud = cloud
        self.door = door

    @property
    def url(self) -> str:
        """Where it is."""
        return self.cloud.url

    @property
    def canaries(self) -> tuple[str, ...]:
        """All secrets."""
        return (*(self.door.key(who)["private_key"].split("\n")[3] for who in ROLES), *self.door.tokens)

    def access(self, address: str, who: str = "reader") -> Access:
        """The way in, as nobody where `who` is empty."""
        secrets = Secrets({"serviceAccountKey": json.dumps(self.door.key(who))}) if who else Secrets()
        options = (("location", LOCATION), ("project", PROJECT), ("storage", address))
        return Access("vertexAI", address, options, secrets)

    def version(self, model: str, number: int, **more: Any) -> int:
        """Register one, with files of its own."""
        files = {"model.bin": f"{model} {number}".encode() * 20, "config.json": b'{"version": %d}' % number}
        return self.cloud.register(model, files, **more)

    def subject(self) -> Subject:
        """A model of one version, that an alias means for now."""
        model = a_model()
        self.version(model, 1)
        self.cloud.alias(model, "champion", 1)
        self.cloud.register("unicode", {"poids é/模型.json": b"{}", "a b+c%20.bin": b"1" * 300})

        def overwrite(uri: str) -> None:
            self.cloud.put(f"{place(uri)}/model.bin", b"\x09" * len(f"{model} 1" * 20))

        return Subject(
            upstream=self.url,
            access=self.access,
            stranger=lambda address: self.access(address, "stranger"),
            outsider=lambda address: self.access(address, "outsider"),
            exact=source(model),
            mutable=source(model, "champion"),
            missing=(source(model, "9"), source(model, "challenger"), source("none")),
            unicode=source("unicode"),
            move=lambda: self.cloud.alias(model, "champion", self.version(model, 2)),
            overwrite=overwrite,
            permission="`aiplatform.models.get`, as the role Vertex AI Viewer has it",
            canaries=self.canaries,
            asks="/v1/projects/",
            reads="model.bin",
            nobody=lambda address: self.access(address, ""),
        )


def a_model() -> str:
    return f"fraud-{uuid.uuid4().hex[:8]}"


def source(model: str, name: str = "1") -> Source:
    """A version or an alias of the model."""
    asked = VertexSource.model_validate({"model": model, "version" if name.isdecimal() else "alias": name})
    return Source(vertex_ai=asked, registry_ref=RegistryRef(name="vertex"))


@contextmanager
def a_bench() -> Iterator[VertexBench]:
    """Vertex AI and its storage, with a token server."""
    door = GoogleDoor()

    def refuses(path: str, headers: Mapping[str, str]) -> int | None:
        scope = CLOUD_PLATFORM if path.startswith("/v1/") else READ_STORAGE
        return door.refuses(headers, scope, ("reader", "writer"))

    def refuses_writes(headers: Mapping[str, str]) -> int | None:
        return door.refuses(headers, CLOUD_PLATFORM, ("writer",))

    with serving(Cloud(refuses, door.token, refuses_writes)) as cloud:
        door.address = cloud.url
        for who in ROLES:
            door.key(who)
        yield VertexBench(cloud, door)
