"""What a ModelRegistry's registry is told of rollouts, and what it has acknowledged."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from crossfade.api.v1alpha1.common import ApiModel, Timestamp, cel, validations

_RESERVED = r"[lL][aA][tT][eE][sS][tT]|[vV][0-9]+"
_FREE = cel(
    f"!self.matches('^({_RESERVED})$')", "must not be `latest`, nor `v` and a number: those are registries' own"
)
_AT_LEAST_ONE = cel(
    "has(self.champion) || has(self.challenger) || has(self.stage) || has(self.tags) || has(self.approval)",
    "must have at least one of `champion`, `challenger`, `stage`, `tags` and `approval`; leave `writeBack` out to "
    "write nothing",
)
_APPROVAL_ALONE = cel(
    "!has(self.approval) || !(has(self.champion) || has(self.challenger) || has(self.stage) || has(self.tags))",
    "must have nothing beside `approval`: no system has both",
)
_BESIDE_OUTCOMES = cel(
    "!has(self.evidence) || has(self.tags) || has(self.approval)",
    "must have `evidence` beside `tags` or `approval`, in which it is told",
)
_TWO_ALIASES = cel(
    "!has(self.champion) || !has(self.challenger) || self.champion != self.challenger",
    "must have different aliases in `champion` and `challenger`",
)
MOST_MODELS = 64
MOST_OUTCOMES = 32
MOST_DOUBTS = 8


def _is_free(alias: str) -> str:
    if re.fullmatch(_RESERVED, alias):
        raise ValueError(_FREE["message"])
    return alias


Alias = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z0-9_-]+$", max_length=255),
    AfterValidator(_is_free),
    Field(json_schema_extra=validations(_FREE)),
]
_NAMED = r"\{(namespace|rollout|revision|at)\}"
_LETTER = r"[^\x00-\x20\x7f{}]"
_OF_HOST = r"[^\x00-\x20\x7f{}/?#@]"
EvidenceAddress = Annotated[
    str,
    StringConstraints(
        pattern=rf"^https?://{_OF_HOST}({_OF_HOST}|{_NAMED})*([/?#]({_LETTER}|{_NAMED})*)?$", max_length=512
    ),
]
"""An address with names in braces where those of a rollout go, and without a user, whose password everybody who reads
the registry would see."""
RegistryVersion = Annotated[str, StringConstraints(max_length=64)]


class WriteBack(ApiModel):
    """What the registry is told. Everything that is left out is not written."""

    model_config = ConfigDict(
        json_schema_extra=validations(_AT_LEAST_ONE, _TWO_ALIASES, _APPROVAL_ALONE, _BESIDE_OUTCOMES)
    )

    champion: Alias | None = None
    """The alias of the version that the Rollouts of a model have as stable."""
    challenger: Alias | None = None
    """The alias of the version that is being rolled out; taken away when that ends."""
    stage: Literal["Staging", "Production"] | None = None
    """The stage of the version that the Rollouts of a model have as stable. The one that got it before by this is moved
    to `Archived`, if it is still in it; what others put there stays."""
    tags: Literal["Outcome"] | None = None
    """`Outcome`: how its rollout ended, as tags of the version; docs/registries says how each system has them."""
    approval: Literal["Outcome"] | None = None
    """`Outcome`: a version that was promoted is approved, one that was rolled back is rejected."""

    evidence: EvidenceAddress | None = None
    """Where people see what a rollout was judged by, such as a dashboard of yours: `{namespace}`, `{rollout}`,
    `{revision}` and `{at}`, when it ended, are filled in, and the address is told with its outcome."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        told = (self.champion, self.challenger, self.stage, self.tags)
        if (*told, self.approval) == (None,) * 5:
            raise ValueError(_AT_LEAST_ONE["message"])
        if self.evidence is not None and self.tags is None and self.approval is None:
            raise ValueError(_BESIDE_OUTCOMES["message"])
        if self.approval is not None and told != (None,) * 4:
            raise ValueError(_APPROVAL_ALONE["message"])
        if self.champion is not None and self.champion == self.challenger:
            raise ValueError(_TWO_ALIASES["message"])
        return self


class GivenAlias(ApiModel):
    """An alias or a stage, and what it was given to."""

    alias: Annotated[str, StringConstraints(max_length=255)]
    """The alias, or the stage."""
    version: RegistryVersion
    """The registry's version."""


class Doubt(GivenAlias):
    """An alias or a stage that was being given or taken away when the registry broke off: it may have taken that."""

    role: Literal["Champion", "Challenger", "Stage"]
    """What it is for."""


class ToldOutcome(ApiModel):
    """What was said of a version."""

    fingerprint: Annotated[str, StringConstraints(max_length=16)]
    """Of all that was said."""
    at: Timestamp
    """When the rollout ended. What ended before that is not told any more."""


class Written(ApiModel):
    """What a registry has acknowledged about one model. It is not looked at again, whoever changes it there."""

    name: Annotated[str, StringConstraints(max_length=512)]
    """The model's name in the registry."""
    champion: GivenAlias | None = None
    """The alias of what is stable."""
    challenger: GivenAlias | None = None
    """The alias of what is being rolled out."""
    stage: GivenAlias | None = None
    """The stage of what is stable."""
    doubtful: Annotated[
        list[Doubt], Field(max_length=MOST_DOUBTS, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = Field(default_factory=list)
    """What the registry was told and has not acknowledged, the newest last. It is told anew until it does."""
    outcomes: Annotated[dict[RegistryVersion, ToldOutcome], Field(max_length=MOST_OUTCOMES)] = Field(
        default_factory=dict
    )
    """What was said of how their rollouts ended, by version."""
