"""What is known of a model beside its bytes, with where each group was learnt.

Registries say what their users wrote: values are cut to their bounds here, and never refused for their length.
"""

import re
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from crossfade.api.v1alpha1.common import ApiModel, Sha256, Timestamp, unique_names

Origin = Literal["Registry", "Artifact", "Spec"]
MOST_ITEMS = MOST_COLUMNS = 64
MOST_NAMED = 128
_UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def _cut_to(length: int) -> BeforeValidator:
    return BeforeValidator(lambda text: _UNSHOWN.sub("\ufffd", text)[:length] if isinstance(text, str) else text)


def _cut_items(value: Any) -> Any:
    return value[:MOST_ITEMS] if isinstance(value, list) else value


def _cut_names(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = islice(value.items(), MOST_NAMED)
    return {_UNSHOWN.sub("\ufffd", key)[:253] if isinstance(key, str) else key: text for key, text in kept}


def _distinct(value: Any) -> Any:
    """The first of each name, as a list-map has room for one."""
    if not isinstance(value, list):
        return value
    seen: dict[Any, Any] = {}
    for item in value:
        name = item.get("name") if isinstance(item, dict) else getattr(item, "name", None)
        seen.setdefault(name, item)
    return list(seen.values())


Word = Annotated[str, StringConstraints(max_length=64), _cut_to(64)]
Line = Annotated[str, StringConstraints(max_length=253), _cut_to(253)]
Text = Annotated[str, StringConstraints(max_length=512), _cut_to(512)]
Link = Annotated[str, StringConstraints(max_length=2048), _cut_to(2048)]
Texts = Annotated[dict[str, Text], Field(max_length=MOST_NAMED), BeforeValidator(_cut_names)]
Words = Annotated[dict[str, Word], Field(max_length=MOST_NAMED), BeforeValidator(_cut_names)]
_BY_NAME = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
_ATOMIC = {"x-kubernetes-list-type": "atomic"}
Lines = Annotated[list[Line], Field(max_length=MOST_ITEMS, json_schema_extra=_ATOMIC), BeforeValidator(_cut_items)]


class Sourced(ApiModel):
    """A group of what is known, and where it was learnt."""

    origin: Origin
    """Who said so; of the fields in `declared` the spec did."""
    declared: Lines | None = None
    """The fields of this group that the spec says and `origin` does not, where there are such."""


class Dataset(ApiModel):
    """Data that a run read."""

    name: Line
    """What the registry calls it."""
    digest: Line | None = None
    """The registry's own mark of its content, which need not be cryptographic."""
    uri: Link | None = None
    """Where it was read from, without user, password and query."""
    role: Word | None = None
    """What for, such as `training`."""


class LineageFields(ApiModel):
    """Where a model comes from."""

    run_id: Line | None = None
    """The training run."""
    git_commit: Word | None = None
    """The commit of its code."""
    git_repository: Link | None = None
    """The repository of that commit, without user and password."""
    source: Text | None = None
    """The program that ran."""
    user: Line | None = None
    """Who ran it."""
    trained_at: Timestamp | None = None
    """When the run ended."""
    datasets: Annotated[
        list[Dataset],
        Field(max_length=MOST_ITEMS, json_schema_extra=_BY_NAME),
        BeforeValidator(_cut_items),
        BeforeValidator(_distinct),
    ] = Field(default_factory=list)
    """What it read."""
    parameters: Texts = Field(default_factory=dict)
    """What it was run with."""


class Lineage(LineageFields, Sourced):
    """Where a model comes from."""


class EnvironmentFields(ApiModel):
    """What the model wants to run in."""

    python_version: Word | None = None
    """The version of Python, such as `3.11.4`."""
    requirements: Words = Field(default_factory=dict)
    """Versions of packages by name; empty text where any will do."""
    files: Lines = Field(default_factory=list)
    """The files of the model that say so."""


class Environment(EnvironmentFields, Sourced):
    """What the model wants to run in."""


class Column(ApiModel):
    """One input or output of a model."""

    name: Line
    """Its name, or its place counted from 0 where it has none."""
    type: Word | None = None
    """What it holds, as the model's file says it; what is in lists, maps and objects in brackets."""
    shape: Word | None = None
    """The tensor's shape, such as `[-1, 4]`."""
    presence: Literal["Required", "Optional"] = "Required"
    """Whether it may be left out."""


Columns = Annotated[
    list[Column],
    Field(max_length=MOST_ITEMS, json_schema_extra=_BY_NAME),
    BeforeValidator(_cut_items),
    BeforeValidator(_distinct),
]


class SignatureFields(ApiModel):
    """What goes in and what comes out: the first 64 of each kind."""

    inputs: Columns = Field(default_factory=list)
    """What a request holds."""
    outputs: Columns = Field(default_factory=list)
    """What an answer holds."""
    parameters: Columns | None = None
    """What a request may set beside its inputs; left out where nobody looked, or it could not be read."""


class Signature(SignatureFields, Sourced):
    """What goes in and what comes out: the first 64 of each kind."""

    digest: Sha256 | None = None
    """SHA-256 of all that `origin` said, where not all of it is listed above word for word, or a list is full. What the
    spec says beside it is in no digest: it is always listed as a whole."""


class Score(ApiModel):
    """One metric of the model."""

    metric: Line
    """What was measured."""
    value: Word
    """The result, as a text."""
    dataset: Line | None = None
    """On which data, where that is known."""


class EvaluationFields(ApiModel):
    """How good the model was found to be before it was registered."""

    scores: Annotated[list[Score], Field(max_length=MOST_ITEMS, json_schema_extra=_ATOMIC), BeforeValidator(_cut_items)]
    """The first 64 metrics."""


class Evaluation(EvaluationFields, Sourced):
    """How good the model was found to be before it was registered."""


class Tags(ApiModel):
    """What people wrote beside the model."""

    origin: Origin
    """Who said so."""
    values: Texts
    """By key."""


class CardFields(ApiModel):
    """What people are told of the model, as model cards have it."""

    license: Line | None = None
    """The license, by its identifier."""
    base_models: Lines = Field(default_factory=list)
    """The models that it was made from."""
    library: Word | None = None
    """What loads it, such as `transformers`."""
    task: Word | None = None
    """What it is for, such as `text-classification`."""
    tags: Lines = Field(default_factory=list)
    """What else it is found by."""


class Card(CardFields, Sourced):
    """What people are told of the model, as model cards have it."""


class Attestation(ApiModel):
    """Where a statement about a version is, such as an SBOM. It is a reference: nobody reads it, or verifies it."""

    name: Line
    """What it is, such as `SBOM` or `SLSA provenance`."""
    uri: Annotated[
        str,
        StringConstraints(
            pattern=r"^[a-z][a-z0-9+.-]{0,31}://[^/@\x00-\x20\x7f?#]+(/[^\x00-\x20\x7f?#]*)?$", max_length=2048
        ),
    ]
    """Its address, without user, query and fragment, which is where credentials hide."""
    digest: Sha256 | None = None
    """SHA-256 of its bytes."""


class ProvenanceFields(ApiModel):
    """Who or what made the version, and when. What was run to train it is its lineage."""

    created_by: Line | None = None
    """Who or what made it: the name that whoever registered, committed or pushed it is known by there."""
    created_at: Timestamp | None = None
    """When it was made there."""
    attestations: Annotated[
        list[Attestation],
        Field(max_length=16, json_schema_extra=_BY_NAME),
        AfterValidator(unique_names),
    ] = Field(default_factory=list)
    """Where statements about it are, such as its SBOM."""


class Provenance(ProvenanceFields, Sourced):
    """Who or what made the version, and when. What was run to train it is its lineage."""


class Scan(ApiModel):
    """What the registry's own scanners found in the model's files. Nothing is decided by it."""

    origin: Origin
    """Who said so."""
    state: Literal["Done", "Pending"]
    """Whether all files had been scanned when the model was resolved."""
    suspects: Words = Field(default_factory=dict)
    """How bad a file is, as the registry says it, by the path; the first 128."""


class Serialization(ApiModel):
    """How the model is stored, told by the bytes of its files. Nothing of it was loaded or run for that."""

    origin: Origin
    """Who said so."""
    formats: Lines = Field(default_factory=list)
    """The formats of its files, such as `ONNX` or `PyTorch`."""
    pickle: Literal["None", "Known", "Unreadable", "Unsafe"]
    """What its pickles would import when they are loaded: nothing, as there are none; only what pickles of common
    models do; something that cannot be told, as one cannot be read to its end; something else."""
    imports: Lines = Field(default_factory=list)
    """What they would import beside that; the first 64."""
    suspects: Texts = Field(default_factory=dict)
    """What is wrong with a file, by its path, and after a `!` by the path in it; the first 128."""


class Facts(ApiModel):
    """All that was learnt of a model; what nobody says is left out."""

    lineage: Lineage | None = None
    """Where it comes from."""
    environment: Environment | None = None
    """What it wants to run in."""
    signature: Signature | None = None
    """What goes in and what comes out."""
    evaluation: Evaluation | None = None
    """How good it was found to be."""
    card: Card | None = None
    """What people are told of it."""
    provenance: Provenance | None = None
    """Who or what made it, and when."""
    scan: Scan | None = None
    """What the registry's scanners found."""
    serialization: Serialization | None = None
    """How it is stored, and what would be run to load it."""
    tags: Tags | None = None
    """What people wrote beside it."""
    registry_url: Link | None = None
    """The registry's page about it."""
