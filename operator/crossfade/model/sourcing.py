"""What is known of a ModelSource: what its registry said, the ModelVersion of that, the Rollout that is to name it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from crossfade.api.v1alpha1.modelsource import ModelSourceSpec, ModelSourceStatus
from crossfade.api.v1alpha1.modelversion import ModelVersionSpec, Source
from crossfade.model.snapshot import RegistryFacts, RolloutFacts, VersionFacts


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is followed means this source now, which never means anything else. `version` is the registry's own, `tag`
    the version that people wrote beside it, if any."""

    source: Source
    version: str
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question, at `at` (unix s), by the spec of this generation: a meaning, or why there is none.

    `wait` is how many seconds the registry asked to be left alone.
    """

    at: float
    generation: int
    registry: RegistryFacts | None
    meaning: Meaning | None = None
    error: str = ""
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """The ModelVersion of the name that is wanted, as stored now."""

    spec: ModelVersionSpec | None
    facts: VersionFacts


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """The Rollout that is to be moved, as stored in this `version`; the mvd1 `digests` are those of the ModelVersions
    that it names and that its history names, by name, as far as there are such."""

    facts: RolloutFacts
    version: str
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceSnapshot:
    """The world around one ModelSource at `now`. `began` is when this process began to look (both unix s).

    `answer` is None while none came in this process. `registry` is the ModelRegistry that is named; where it is missing
    or cannot be read, `registry_error` says so.
    """

    now: float
    began: float
    name: str
    namespace: str
    uid: str
    generation: int
    spec: ModelSourceSpec | None
    spec_error: str
    status: ModelSourceStatus
    answer: Answer | None = None
    registry: RegistryFacts | None = None
    registry_error: str = ""
    version: StoredVersion | None = None
    rollout: StoredRollout | None = None
    unkept: str = ""
