"""The closed catalogue of condition types and reasons: every one a status may show is here, with its meaning."""

from enum import StrEnum
from typing import Self


class Documented(StrEnum):
    """A string with the sentence that docs/reference shows beside it."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        """Make the member; the meaning is not part of its identity."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class ConditionType(Documented):
    """Condition types, kstatus' three first."""

    READY = "Ready", "the summary: True when the spec is served as written, with the reason that matters most"
    RECONCILING = "Reconciling", "work towards the spec goes on; only ever present as True"
    STALLED = "Stalled", "nothing moves until a person or a pipeline changes something; only ever present as True"
    AVAILABLE = "Available", "requests are answered, by whichever version; independent of how the rollout goes"
    TRAFFIC_PROVEN = "TrafficProven", "the share that the candidate is seen to get agrees with the weight"
    RESOLVED = "Resolved", "the reference of a ModelVersion is frozen to a digest"
    SEMVER_KEPT = "SemverKept", "the version of a ModelVersion promises no more than the model keeps"
    WRITTEN_BACK = "WrittenBack", "the registry has been told all that `writeBack` asks for"
    DEFINITION_OUTDATED = (
        "DefinitionOutdated",
        "the CustomResourceDefinition is older than the operator, so the status is not kept whole; only ever present as"
        " True",
    )


class Reason(Documented):
    """Why a condition is as it is."""

    # progress
    PENDING = "Pending", "not looked at yet"
    WAITING_FOR_MODEL_VERSION = "WaitingForModelVersion", "the named ModelVersion is missing or not resolved yet"
    WAITING_FOR_GATEWAY = (
        "WaitingForGateway",
        "a parent of the route does not exist, is being read, or has not accepted the route yet; or EndpointSlices do"
        " not follow yet",
    )
    WAITING_FOR_REGISTRY = (
        "WaitingForRegistry",
        "the registry does not answer or let the operator in, does not know the version yet, or is not described yet",
    )
    WAITING_FOR_VOLUME = (
        "WaitingForVolume",
        "the claim, or the pod that reads the model on it, is not there yet or cannot do so",
    )
    ASKING = "Asking", "the registry is being asked what is followed"
    WAITING_FOR_ROLLOUT = (
        "WaitingForRollout",
        "the Rollout that `spec.moves` names is missing, suspended, or has a rollout under way; it is not moved before",
    )
    RESOLVING = "Resolving", "bytes are being read and hashed"
    STARTING = "Starting", "pods of a revision are loading or not ready yet"
    NO_ROOM = "NoRoom", "pods of a revision cannot be made, or find no node"
    PULLING_IMAGE = "PullingImage", "an image of a pod is not there, or cannot be had"
    DOWNLOADING = "Downloading", "the model's bytes are being downloaded and verified"
    LOADING = "Loading", "the model server runs and is not ready yet"
    WARMING_UP = "WarmingUp", "the model server is ready and has not answered its warm-up requests yet"
    WAITING_FOR_CAPACITY = (
        "WaitingForCapacity",
        "pods that must carry the traffic, or take it back, are not ready; the rollout holds",
    )
    PLANNING = "Planning", "the stable version's past is being read, to know what the stages can tell"
    REHEARSING = "Rehearsing", "what users will meet is tried first, behind a header that only we know"
    SHIFTING = "Shifting", "a weight was written and is not proven live yet"
    ANALYSING = "Analysing", "the stage runs and evidence is gathered"
    NO_DATA = "NoData", "there is too little evidence, or none; the rollout holds"
    METRICS_UNAVAILABLE = "MetricsUnavailable", "Prometheus does not answer; the rollout holds"
    METRIC_INVALID = (
        "MetricInvalid",
        "a metric cannot be judged as it is asked for or exposed; the rollout holds",
    )
    SHOCK = "Shock", "both versions got much worse at once, so the world changed; the rollout holds"
    WAITING_FOR_PEOPLE = "WaitingForPeople", "a gate: the rollout goes on when somebody says `crossfade.dev/advance`"
    ORDERED = "Ordered", "somebody's order by annotation was carried out"
    ROUTE_REPAIRED = (
        "RouteRepaired",
        "others changed or deleted the route, or the Service that stands for it, and it was written again as it was",
    )
    INCONCLUSIVE = "Inconclusive", "`maxDuration` is over and the evidence says neither worse nor good enough"
    DRAINING = "Draining", "an arm without weight is finishing its requests"
    DEFINITION_OUTDATED = (
        "DefinitionOutdated",
        "the CustomResourceDefinition is older than the operator and would lose a part of the status; what serves goes"
        " on, and so does a rollback",
    )
    SUSPENDED = "Suspended", "`spec.suspend` is true; progress is frozen, a rollback is not"
    WRITING_BACK = "WritingBack", "the registry is being told how rollouts go"
    # good ends
    PROMOTED = "Promoted", "the version of the spec is the stable one and gets all requests"
    RESOLVED = "Resolved", "the bytes were read, hashed and pinned to a digest"
    PROPOSED = "Proposed", "there is a ModelVersion of what is followed"
    MOVED = "Moved", "the Rollout names the ModelVersion of what is followed"
    SERVING = "Serving", "a revision with ready pods is behind the route"
    PROVEN = "Proven", "the observed share agrees with the weight"
    FIRST_VERSION = (
        "FirstVersion",
        "no lower release of the model was resolved here, so there was nothing to compare",
    )
    SEMVER_KEPT = "SemverKept", "the version promises no more than the model keeps"
    REACHED = "Reached", "the registry answers and lets the operator in"
    NOT_ASKED = "NotAsked", "what the ModelRegistry names is there; its registry is asked first when a model needs it"
    WRITTEN_BACK = "WrittenBack", "the registry has acknowledged all that it is to be told"
    # bad ends
    ROLLED_BACK = "RolledBack", "the candidate was worse, or did not start; the stable version serves"
    ABORTED = "Aborted", "somebody took the candidate back; the stable version serves"
    INVALID_SPEC = "InvalidSpec", "the spec contradicts itself in a way the API server could not see"
    IMAGE_VOLUMES_MISSING = (
        "ImageVolumesMissing",
        "the spec asks for image volumes, and the cluster's API server has none; no pod is started",
    )
    HOST_TAKEN = (
        "HostTaken",
        "another route gets the requests that the spec asks for; what serves keeps serving as it was",
    )
    NOT_ADMITTED = (
        "NotAdmitted",
        "a Gateway that the spec names would not take the route; what serves keeps serving as it was",
    )
    NOT_ACKNOWLEDGED = (
        "NotAcknowledged",
        "a parent of the route has not accepted it for two minutes, and nothing forbids it; what is given stays",
    )
    NO_CAPACITY = (
        "NoCapacity",
        "pods of the stable version that are to take back what the candidate has did not get ready in time, or are in"
        " no EndpointSlice; the candidate keeps what they do not carry until they are, or somebody aborts once more",
    )
    FEATURE_MISSING = (
        "FeatureMissing",
        "a stage needs a feature that a Gateway's class does not list; the stable version serves",
    )
    REHEARSAL_FAILED = (
        "RehearsalFailed",
        "what a stage gives did not work, or could not be tried, behind a header that only we know; no user met it",
    )
    ROUTE_INVALID = (
        "RouteInvalid",
        "the adopted route, or the rule in it, is not there or not as it must be; no weight moves",
    )
    ROUTE_CONTESTED = (
        "RouteContested",
        "somebody else wrote other weights into the adopted route; none is written against them, the rollout holds",
    )
    ROUTE_REFUSED = (
        "RouteRefused",
        "the API server did not take the weights of the adopted route, or did not answer; its Services lead to the"
        " version that is to serve instead",
    )
    FIELD_OWNED = (
        "FieldOwned",
        "somebody else owns `spec.modelVersion` of the Rollout, so nothing was written there",
    )
    TAKEN_BACK = "TakenBack", "the Rollout was taken back from what is followed, and is not moved there again"
    FOLLOWS_ITSELF = (
        "FollowsItself",
        "what is followed is what the ModelRegistry's `writeBack` changes after each rollout, so it moves nothing",
    )
    NAME_TAKEN = "NameTaken", "there is another object of the name that is wanted"
    NOT_WRITTEN = "NotWritten", "the API server did not take the ModelVersion, or the move of the Rollout"
    DIGEST_MISMATCH = "DigestMismatch", "the bytes are not the bytes that were pinned"
    PICKLE_REFUSED = (
        "PickleRefused",
        "to load a file of the model could run code, which the ModelVersion or the operator does not allow",
    )
    SEMVER_BROKEN = (
        "SemverBroken",
        "the version promises more than the model keeps, by what was recorded of it and of the release before",
    )
    SEMVER_UNKNOWN = (
        "SemverUnknown",
        "whether the model keeps what its version promises cannot be told, as too little of it is recorded",
    )
    SPEC_OVERRULED = (
        "SpecOverruled",
        "the spec says something of the model that its registry or its files say otherwise; theirs is recorded",
    )
    NAME_REFUSED = "NameRefused", "the names of the ModelVersion or of its model are not by the convention"
    SOURCE_REFUSED = "SourceRefused", "the source can never resolve as written"
    WRITE_BACK_DELAYED = (
        "WriteBackDelayed",
        "the registry could not be told everything yet; it is tried again, and no rollout waits for it",
    )
    VERSIONS_DIFFER = (
        "VersionsDiffer",
        "Rollouts of one model have different versions, so no alias can mean the one; it stays where it is",
    )
    TOO_MANY = "TooMany", "there are more models or outcomes than the registry is told of"
    NOT_SERVING = "NotServing", "no revision of this Rollout has a ready pod behind the route"
    UNPROVEN = "Unproven", "the observed share does not agree with the weight, or cannot be seen"
