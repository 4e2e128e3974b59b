"""What the operator needs of the world, as protocols. Adapters fulfil them; the rooms in between know only these."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from crossfade.api import meta
from crossfade.model.access import Access
from crossfade.model.evidence import Sample
from crossfade.model.lease import Lease
from crossfade.model.rehearsal import Probe
from crossfade.model.volume import Subject

if TYPE_CHECKING:  # the loader starts in every pod and needs none of the API's types
    from crossfade.api.v1alpha1.facts import Facts
    from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
    from crossfade.api.v1alpha1.modelversion import Source
    from crossfade.model.reading import Reading
    from crossfade.model.writing import Deed

Object = dict[str, Any]
"""A Kubernetes object as JSON; typed models would drop fields that they do not know."""


class ClusterError(Exception):
    """The API server refused or did not answer. `status` is the HTTP code, 0 when there was none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class StaleError(Exception):
    """An object is not any more as it was seen; the cache has it as it is, so look again."""


class MetricsError(Exception):
    """Prometheus did not answer, or not with data. The message names address and cause, never credentials."""


class ProbeError(Exception):
    """Nobody answered a request through a gateway. The message says why, without what was sent."""


class SourceError(Exception):
    """A registry or store did not give what was asked. `retry` is False when it never will as written; `wait` is how
    many seconds it asked to be left alone."""

    def __init__(self, message: str, *, retry: bool = True, wait: float = 0.0) -> None:
        super().__init__(message)
        self.retry = retry
        self.wait = wait


class DamagedError(SourceError):
    """A store's list of a model's files is another one than its registry has promised."""


class RefusedError(SourceError):
    """A registry refused something for a reason of one model alone: others may go well."""


class FromStartError(SourceError):
    """What was read of a file cannot be gone on with: its store gives no parts of it, or it changed meanwhile. It may
    be read from its first byte."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a kind lives in the API."""

    api_version: str
    plural: str
    kind: str


ROLLOUTS = Kind(meta.API_VERSION, "rollouts", "Rollout")
MODEL_VERSIONS = Kind(meta.API_VERSION, "modelversions", "ModelVersion")
MODEL_SOURCES = Kind(meta.API_VERSION, "modelsources", "ModelSource")
MODEL_REGISTRIES = Kind(meta.API_VERSION, "modelregistries", "ModelRegistry")
METRIC_TEMPLATES = Kind(meta.API_VERSION, "metrictemplates", "MetricTemplate")
DEPLOYMENTS = Kind("apps/v1", "deployments", "Deployment")
SERVICES = Kind("v1", "services", "Service")
SECRETS = Kind("v1", "secrets", "Secret")
CONFIG_MAPS = Kind("v1", "configmaps", "ConfigMap")
PODS = Kind("v1", "pods", "Pod")
AUTOSCALERS = Kind("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
BUDGETS = Kind("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget")
ENDPOINT_SLICES = Kind("discovery.k8s.io/v1", "endpointslices", "EndpointSlice")
HTTP_ROUTES = Kind("gateway.networking.k8s.io/v1", "httproutes", "HTTPRoute")
GRPC_ROUTES = Kind("gateway.networking.k8s.io/v1", "grpcroutes", "GRPCRoute")
ROUTES = (HTTP_ROUTES, GRPC_ROUTES)
"""The kinds of route that may be written for a Rollout, one for each."""
GATEWAYS = Kind("gateway.networking.k8s.io/v1", "gateways", "Gateway")
GATEWAY_CLASSES = Kind("gateway.networking.k8s.io/v1", "gatewayclasses", "GatewayClass")
EVENTS = Kind("events.k8s.io/v1", "events", "Event")
LEASES = Kind("coordination.k8s.io/v1", "leases", "Lease")


Marks = Mapping[str, str | None]
"""Labels or annotations; None for none of that name."""


class Cluster(Protocol):
    """The Kubernetes API. All writes to what is ours are server-side apply by fixed field managers, but for deletes,
    scaling and what is made once."""

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """One object as stored now. `namespace` is None for kinds without. Raises ClusterError."""
        ...

    async def apply(self, kind: Kind, body: Object, *, force: bool) -> Object:
        """Apply as `crossfade`. Returns the stored object. Raises ClusterError.

        With `force` our fields are taken from whoever set them to something else; without, that is a 409.
        """
        ...

    async def tried(self, kind: Kind, body: Object) -> Object:
        """What would be stored if this were applied, by a dry run: nothing is. Raises ClusterError."""
        ...

    async def claim(self, kind: Kind, body: Object, manager: str) -> Object:
        """Apply as this field manager, and take nothing from anybody. Returns the stored object. Raises ClusterError,
        with 409 when somebody else has set one of the fields to something else."""
        ...

    async def make(self, kind: Kind, body: Object) -> Object:
        """Create, as `crossfade`. Returns the stored object. Raises ClusterError, with 409 when the name is taken."""
        ...

    async def apply_status(self, kind: Kind, body: Object) -> Object:
        """Apply the status subresource as `crossfade-status`. Returns the stored object. Raises ClusterError."""
        ...

    async def scale(self, kind: Kind, namespace: str, name: str, replicas: int) -> Object:
        """Set `spec.replicas` and nothing else. Returns the stored object. Raises ClusterError."""
        ...

    async def patch(self, kind: Kind, namespace: str, name: str, operations: Sequence[Object], manager: str) -> Object:
        """JSON Patch under this field manager. Returns the stored object. Raises ClusterError; 409 or 422 for a failed
        test."""
        ...

    async def mark(self, kind: Kind, namespace: str, name: str, labels: Marks, annotations: Marks) -> Object | None:
        """Set these labels and annotations, or take away those of None. Returns the stored object, None when it is
        gone. Raises ClusterError."""
        ...

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str | None = None) -> None:
        """Delete in the background; one that is gone already is fine, and with a `uid` one whose name another has by
        now. Raises ClusterError."""
        ...

    async def create_event(self, namespace: str, body: Object) -> None:
        """Create one events.k8s.io/v1 Event. Raises ClusterError."""
        ...

    async def count_event(self, namespace: str, name: str, count: int, at: str) -> None:
        """Say of an Event that it has come `count` times, last `at` (RFC 3339). Raises ClusterError, with 404 when it
        is gone."""
        ...


class LeaseStore(Protocol):
    """The one Lease that the replicas of an operator share."""

    async def read(self) -> Lease | None:
        """The Lease as stored now, None when there is none. Raises ClusterError."""
        ...

    async def write(self, lease: Lease) -> Lease:
        """Store it if it still has the version that `lease` names; an empty one creates it. Returns what is stored.

        Raises ClusterError, with 409 when somebody else wrote, made or deleted it meanwhile.
        """
        ...


@dataclass(frozen=True, slots=True)
class NativeSample:
    """A native histogram as one scrape saw it: `count` of all since the start, and (left, right, count) by bucket.

    Buckets are not cumulative, rise without overlap, and those without a count are left out.
    """

    at: float
    count: float
    buckets: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class RawSeries:
    """One series of a matrix: its labels and its samples, oldest first, which are native histograms for some."""

    labels: dict[str, str]
    samples: tuple[Sample, ...] = ()
    histograms: tuple[NativeSample, ...] = ()


class Metrics(Protocol):
    """A Prometheus, or what speaks its API."""

    async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
        """Raw samples of `selector[seconds s]`, evaluated now. NaN samples are left out. Raises MetricsError."""
        ...


@dataclass(frozen=True, slots=True)
class Reference:
    """What a registry says a reference means: the immutable place of the bytes, and what it knows of them.

    `registry_version` is empty where the source is in no registry, and `facts` None where nothing is known. `pinned` is
    the source that means this and never anything else; None where there is none. `image_id` is the digest of an image's
    config, None for what is no image.
    """

    uri: str
    immutable_uri: str
    registry_version: str = ""
    facts: "Facts | None" = None
    pinned: "Source | None" = None
    image_id: str | None = None


class Registry(Protocol):
    """A model registry."""

    async def resolve(self, source: "Source") -> Reference:
        """Follow a version, or whatever else `source` has of this registry, once. Raises SourceError."""
        ...


@runtime_checkable
class Asked(Protocol):
    """A registry that can be asked whether it is there and knows who asks, without any further right."""

    async def check(self) -> None:
        """Ask once. Raises SourceError."""
        ...


@runtime_checkable
class WriteBack(Protocol):
    """A registry that can be told of rollouts."""

    async def record(self, deed: "Deed") -> None:
        """See to it that this is so: read, compare, and write where it is not. A version that is not there any more
        needs no tags. Raises RefusedError where this one thing cannot be, SourceError where nothing can."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """The versions that a registry has, by what may be their semantic versions, and the `source` to resolve one of them
    by: it is made for the one that is chosen, as there may be many."""

    names: Sequence[str]
    source: Callable[[str], "Source"]


@runtime_checkable
class Catalogue(Protocol):
    """A registry that can say which versions there are."""

    async def versions(self, spec: "ModelSourceSpec") -> Listed:
        """All versions of the model that is followed; what has no name that could be a version may be left out. Raises
        SourceError."""
        ...


def catalogue(registry: Registry, system: str) -> Catalogue:
    """The registry as one that lists. Raises SourceError where it is none."""
    if not isinstance(registry, Catalogue):
        raise SourceError(f"versions in `{system}` cannot be listed; follow something else than `semver`")
    return registry


MOST_LISTED = 20_000
"""Versions of one model that are looked at to find the newest in a range."""
Packing = Literal["tar", "tar+gzip", "tar+zstd"]


@dataclass(frozen=True, slots=True)
class Archive:
    """How a stored file is packed. What lies below the folder `below` is the model's, relative to it; the whole when
    it is empty."""

    packing: Packing
    below: str = ""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a store: path relative to the model's root, and its size in bytes.

    `sha256` and `md5` are the hex that the store promises of its bytes, where it does. With an `archive` it is a
    package of files, which are the model's in its place; its path then only names it. `parts` is whether the store
    gives parts of it as cheaply as the whole.
    """

    path: str
    size: int
    sha256: str | None = None
    archive: Archive | None = None
    parts: bool = field(default=False, compare=False)
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of a file from `start` up to `end`, which is not of it; None for the file's own end."""

    start: int = 0
    end: int | None = None

    def most(self, at: int, wanted: int) -> int:
        """How many bytes at `at` are of this part, `wanted` at most."""
        return wanted if self.end is None else min(wanted, self.end - at)


WHOLE = Part()


class Artifacts(Protocol):
    """Bytes behind immutable URIs, whatever the scheme."""

    async def files(self, uri: str) -> Sequence[StoredFile]:
        """All files below the URI, or the one file it names. Raises SourceError."""
        ...

    def read(self, uri: str, path: str, part: Part = WHOLE) -> AsyncIterator[bytes]:
        """The part's bytes in chunks, all of one version of the file where the store has versions. Raises SourceError,
        and FromStartError when there are no parts to be had."""
        ...


class Opened(Protocol):
    """A registry and the stores that can be read by what it says. Connections are shared by all who have it open."""

    @property
    def registry(self) -> Registry:
        """What resolves; where none is configured, one that says so."""
        ...

    @property
    def artifacts(self) -> Artifacts:
        """Its own files, and those of every other scheme that is configured."""
        ...


class Sources(Protocol):
    """All registries and stores."""

    def open(self, access: Access | None) -> AbstractAsyncContextManager[Opened]:
        """What is reached in this way; None for what the operator itself is configured with. Entering raises
        SourceError when `access` cannot be used as it is."""
        ...


class Volumes(Protocol):
    """Models on the volumes of a namespace, which nobody but its pods can read."""

    async def read(self, subject: Subject, uri: str, say: Callable[[str], None]) -> "Reading":
        """Have a pod read `pvc://...`. `say` is told what that waits for, "" once it does not. Raises SourceError."""


_GRPC_FAULTS = {2: "UNKNOWN", 4: "DEADLINE_EXCEEDED", 13: "INTERNAL", 14: "UNAVAILABLE", 15: "DATA_LOSS"}
"""What gRPC says where HTTP says 500 and more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe's answer said in its first lines; `revision` and `token` are empty where their header was not.

    `grpc` is the status of a call that was answered with nothing else, as gateways do; None for all others.
    """

    status: int
    revision: str = ""
    token: str = ""
    grpc: int | None = None

    @property
    def failed(self) -> bool:
        """Whether it is the server's or the gateway's fault."""
        return self.status >= 500 or self.grpc in _GRPC_FAULTS

    def __str__(self) -> str:
        """Such as `404`, or `gRPC status 14 UNAVAILABLE`."""
        if self.grpc is None:
            return str(self.status)
        return f"gRPC status {self.grpc} {_GRPC_FAULTS.get(self.grpc, '')}".rstrip()


class Prober(Protocol):
    """Requests through a gateway."""

    async def ask(self, probe: Probe) -> Answer:
        """Send the probe once. Raises ProbeError when nobody answered it."""
        ...


class Clock(Protocol):
    """Time as the operator sees it."""

    def now(self) -> float:
        """Unix seconds."""
        ...
