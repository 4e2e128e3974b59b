"""How a version is served: its model server, how many pods it has, what they ask for, and how they start."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from crossfade.api.v1alpha1.autoscaling import Autoscaling
from crossfade.api.v1alpha1.common import ApiModel, Duration, cel, validations
from crossfade.api.v1alpha1.overlay import PodOverlay, has_containers
from crossfade.api.v1alpha1.resources import Resources

_CONTAINER = cel(
    "self.runtime != 'custom' || (has(self.template) && has(self.template.spec) && has(self.template.spec.containers))",
    "must bring `template.spec.containers` when `runtime` is `custom`",
)

_ONE_OWNER = cel(
    "!(has(self.replicas) && has(self.autoscaling))",
    "must have at most one of `replicas` and `autoscaling`: both would set the number of pods",
)


class Startup(ApiModel):
    """How long a candidate may take to become ready."""

    timeout: Duration = "10m"
    """From the moment its pods are asked for; then the rollout is rolled back."""


class Serving(ApiModel):
    """How a version is served. A change starts a rollout, as another version does; the number of pods does not."""

    model_config = ConfigDict(json_schema_extra=validations(_CONTAINER, _ONE_OWNER))

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
    resources: Resources | None = None
    """What each pod's model container asks for."""
    startup: Startup = Startup()
    """The deadline of a candidate's start."""
    template: PodOverlay | None = None
    """Overlay on the runtime's pod template: maps are merged, containers by name, other lists replaced."""

    @model_validator(mode="after")
    def _has_container(self) -> Self:
        if self.runtime == "custom" and not has_containers(self.template):
            raise ValueError(_CONTAINER["message"])
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
