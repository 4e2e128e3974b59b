"""The closed catalogue of condition types and reasons. Every reason a status may show is here, with its meaning."""

from enum import StrEnum


class ConditionType(StrEnum):
    """Condition types, kstatus' three first."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    AVAILABLE = "Available"
    TRAFFIC_PROVEN = "TrafficProven"
    RESOLVED = "Resolved"


class Reason(StrEnum):
    """Why a condition is as it is. The comment is the documentation users read in docs/reference."""

    # progress
    PENDING = "Pending"  # not looked at yet
    WAITING_FOR_MODEL_VERSION = "WaitingForModelVersion"  # the named ModelVersion is missing or not resolved yet
    WAITING_FOR_GATEWAY = "WaitingForGateway"  # a parent of the route has not accepted it yet
    WAITING_FOR_REGISTRY = "WaitingForRegistry"  # the registry does not answer, or does not know the version yet
    RESOLVING = "Resolving"  # bytes are being read and hashed
    STARTING = "Starting"  # pods of a revision are loading or not ready yet
    SHIFTING = "Shifting"  # a weight was written and is not proven live yet
    ANALYSING = "Analysing"  # the stage runs and evidence is gathered
    NO_DATA = "NoData"  # there is too little evidence, or none; the rollout holds
    METRICS_UNAVAILABLE = "MetricsUnavailable"  # Prometheus does not answer; the rollout holds
    PROMOTING = "Promoting"  # all stages passed; the route is on its way to 100 %
    DRAINING = "Draining"  # an arm without weight is finishing its requests
    SUSPENDED = "Suspended"  # spec.suspend is true
    # good ends
    PROMOTED = "Promoted"
    RESOLVED = "Resolved"
    SERVING = "Serving"
    PROVEN = "Proven"
    # bad ends
    ROLLED_BACK = "RolledBack"  # the candidate was worse, or did not start; the stable version serves
    INVALID_SPEC = "InvalidSpec"  # the spec contradicts itself in a way the API server could not see
    DIGEST_MISMATCH = "DigestMismatch"  # the bytes are not the bytes that were pinned
    SOURCE_REFUSED = "SourceRefused"  # the source can never resolve as written
    NOT_SERVING = "NotServing"  # no revision of this Rollout has a ready pod behind the route
    UNPROVEN = "Unproven"  # the observed share does not agree with the weight, or cannot be seen
