"""How a version is served: its model server, how many pods it has, what they ask for, and how they start."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from crossfade.api.v1alpha1.autoscaling import Autoscaling
from crossfade.api.v1alpha1.common import ApiModel, Duration, ObjectName, cel, seconds, validations
from crossfade.api.v1alpha1.overlay import PodOverlay, containers, ports
from crossfade.api.v1alpha1.resources import Resources

_CONTAINER = cel(
    "self.runtime != 'custom' || (has(self.template) && has(self.template.spec) && has(self.template.spec.containers))",
    "must bring `template.spec.containers` when `runtime` is `custom`",
)
_BROUGHT = (
    "self.runtime != 'custom' || !has(self.template) || !has(self.template.spec) || !has(self.template.spec.containers)"
)
_NUMBERS = cel(
    f"{_BROUGHT} || self.template.spec.containers.all(one, !has(one.ports) || one.ports.all(port,"
    " has(port.containerPort)))",
    "must have a `containerPort` in each of the `ports` of `template.spec.containers` when `runtime` is `custom`",
)
_WARMED_AT = cel(
    f"!has(self.warmup) || {_BROUGHT} || (has(self.template.spec.containers[0].ports)"
    " && self.template.spec.containers[0].ports.exists(port, has(port.name) && port.name == 'http'))",
    "must bring a port named `http` in the first of `template.spec.containers` when `runtime` is `custom` and `warmup`"
    " is set: warm-up requests are sent there",
)

_WITHIN = cel(
    "[has(self.prefetch) ? self.prefetch : self.timeout, has(self.load) ? self.load : self.timeout,"
    " has(self.warmUp) ? self.warmUp : self.timeout].all(one, duration(one) <= duration(self.timeout))",
    "must have no `prefetch`, `load` or `warmUp` longer than `timeout`, which is `10m` when left out",
)
_ONE_BODY = cel(
    "has(self.inline) != has(self.configMapKeyRef)", "must have exactly one of `inline` and `configMapKeyRef`"
)
_ONE_OWNER = cel(
    "!(has(self.replicas) && has(self.autoscaling))",
    "must have at most one of `replicas` and `autoscaling`: both would set the number of pods",
)


class Startup(ApiModel):
    """How long a candidate may take to become ready. Its own deadlines count while its pods wait for that cause."""

    model_config = ConfigDict(json_schema_extra=validations(_WITHIN))

    timeout: Duration = "10m"
    """From the moment its pods are asked for; then the rollout is rolled back, whatever they wait for."""
    prefetch: Duration | None = None
    """For pulling images and downloading the model; `timeout` when left out."""
    load: Duration | None = None
    """For the model server, from its start until it is ready; `timeout` when left out."""
    warm_up: Duration | None = None
    """For the warm-up requests of `warmup`; `timeout` when left out."""

    @model_validator(mode="after")
    def _is_within(self) -> Self:
        own = [one for one in (self.prefetch, self.load, self.warm_up) if one is not None]
        if any(seconds(one) > seconds(self.timeout) for one in own):
            raise ValueError(_WITHIN["message"])
        return self


class ConfigMapKey(ApiModel):
    """One entry of a ConfigMap in the Rollout's namespace."""

    name: ObjectName
    """The ConfigMap's name."""
    key: Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)]
    """Which of its entries, of `data` or `binaryData`."""


class WarmupBody(ApiModel):
    """What is sent. A Secret cannot be a body."""

    model_config = ConfigDict(json_schema_extra=validations(_ONE_BODY))

    inline: Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=16384)] | None = None
    """The text itself."""
    config_map_key_ref: ConfigMapKey | None = None
    """Where it is; read when a pod starts."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.inline is None) == (self.config_map_key_ref is None):
            raise ValueError(_ONE_BODY["message"])
        return self


class Warmup(ApiModel):
    """Inferences that each pod must have answered well before it is ready, whoever started it: it gets no request of a
    user before. They are sent one after the other, by a container of ours in the pod."""

    requests: Annotated[int, Field(ge=1, le=1000)] = 20
    """How many must be answered with 2xx."""
    body: WarmupBody
    """What is sent with each."""
    path: Annotated[str, StringConstraints(pattern=r"^/[!-~]*$", max_length=1024)] = "/v2/models/model/infer"
    """Where they are POSTed, at the container's port named `http`."""
    content_type: Annotated[str, StringConstraints(pattern=r"^[!-~]+/[!-~][ -~]*$", max_length=253)] = (
        "application/json"
    )
    """The body's media type."""
    timeout: Duration = "30s"
    """How long one request may take; an answer that comes later counts as none."""


class Serving(ApiModel):
    """How a version is served. A change starts a rollout, as another version does; the number of pods does not."""

    model_config = ConfigDict(json_schema_extra=validations(_CONTAINER, _NUMBERS, _WARMED_AT, _ONE_OWNER))

    runtime: Literal["mlserver", "custom"] = "mlserver"
    """The model server: `mlserver`, or `custom` for the containers that `template` brings."""
    implementation: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$", max_length=253)] = (
        "mlserver_sklearn.SKLearnModel"
    )
    """MLServer's inference runtime class; read by runtime `mlserver` alone."""
    replicas: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Pods of the stable version, always; the candidate has its share of them. `1` without `autoscaling`."""
    autoscaling: Autoscaling | None = None
    """As many pods as the load needs; in place of `replicas`."""
    files: Literal["Loaded", "ImageVolume"] = "Loaded"
    """How pods come to the model's files, which each pod verifies either way: `Loaded` into a volume of its own, from
    whichever source; or by an `ImageVolume`, which needs a ModelVersion that is an image of `/models` and nothing else,
    a cluster with image volumes, and nodes that may pull it."""
    resources: Resources | None = None
    """What each pod's model container asks for."""
    warmup: Warmup | None = None
    """What a pod must have answered before it is ready; nothing when left out."""
    startup: Startup = Startup()
    """The deadlines of a candidate's start."""
    template: PodOverlay | None = None
    """Overlay on the runtime's pod template: maps are merged, containers by name, other lists replaced."""

    @model_validator(mode="after")
    def _has_container(self) -> Self:
        if self.runtime == "custom" and not containers(self.template):
            raise ValueError(_CONTAINER["message"])
        return self

    @model_validator(mode="after")
    def _has_ports(self) -> Self:
        brought = [ports(one) for one in containers(self.template)] if self.runtime == "custom" else []
        if any(port.get("containerPort") is None for one in brought for port in one):
            raise ValueError(_NUMBERS["message"])
        if brought and self.warmup is not None and all(port.get("name") != "http" for port in brought[0]):
            raise ValueError(_WARMED_AT["message"])
        return self

    @model_validator(mode="after")
    def _has_one_owner(self) -> Self:
        if self.replicas is not None and self.autoscaling is not None:
            raise ValueError(_ONE_OWNER["message"])
        return self

    @property
    def least(self) -> int:
        """The fewest pods with which a version gets all requests."""
        return self.autoscaling.least if self.autoscaling else self.replicas or 1
