"""How an object is to look in Argo CD, by the reason that it gives: what a person expects, written down by hand."""

from typing import Any

from crossfade.api.conditions import Reason

from tests.support.argo_lua import Script

Object = dict[str, Any]

PROGRESSING, SUSPENDED, HEALTHY, DEGRADED = "Progressing", "Suspended", "Healthy", "Degraded"
EXPECTED: dict[str, set[Reason]] = {
    HEALTHY: {
        Reason.PROMOTED,
        Reason.RESOLVED,
        Reason.PROPOSED,
        Reason.MOVED,
        Reason.REACHED,
        Reason.NOT_ASKED,
    },
    SUSPENDED: {Reason.SUSPENDED, Reason.WAITING_FOR_PEOPLE, Reason.INCONCLUSIVE},
    DEGRADED: {
        Reason.ABORTED,
        Reason.DIGEST_MISMATCH,
        Reason.FEATURE_MISSING,
        Reason.FIELD_OWNED,
        Reason.FOLLOWS_ITSELF,
        Reason.HOST_TAKEN,
        Reason.IMAGE_VOLUMES_MISSING,
        Reason.INVALID_SPEC,
        Reason.NAME_REFUSED,
        Reason.NAME_TAKEN,
        Reason.NOT_ACKNOWLEDGED,
        Reason.NO_CAPACITY,
        Reason.NOT_ADMITTED,
        Reason.PICKLE_REFUSED,
        Reason.REHEARSAL_FAILED,
        Reason.ROLLED_BACK,
        Reason.ROUTE_CONTESTED,
        Reason.ROUTE_INVALID,
        Reason.SEMVER_BROKEN,
        Reason.SEMVER_UNKNOWN,
        Reason.SOURCE_REFUSED,
        Reason.TAKEN_BACK,
    },
    PROGRESSING: {
        Reason.ANALYSING,
        Reason.ASKING,
        Reason.DEFINITION_OUTDATED,
        Reason.DOWNLOADING,
        Reason.DRAINING,
        Reason.LOADING,
        Reason.METRICS_UNAVAILABLE,
        Reason.METRIC_INVALID,
        Reason.NO_DATA,
        Reason.NO_ROOM,
        Reason.NOT_SERVING,
        Reason.NOT_WRITTEN,
        Reason.PENDING,
        Reason.PLANNING,
        Reason.PULLING_IMAGE,
        Reason.REHEARSING,
        Reason.RESOLVING,
        Reason.SHIFTING,
        Reason.SHOCK,
        Reason.STARTING,
        Reason.UNPROVEN,
        Reason.WAITING_FOR_CAPACITY,
        Reason.WAITING_FOR_GATEWAY,
        Reason.WAITING_FOR_MODEL_VERSION,
        Reason.WAITING_FOR_REGISTRY,
        Reason.WAITING_FOR_ROLLOUT,
        Reason.WAITING_FOR_VOLUME,
        Reason.WARMING_UP,
    },
}
"""What a person expects to see where the reason alone says it."""
ALSO: dict[Reason, set[str]] = {
    Reason.NOT_SERVING: {DEGRADED},  # the first version did not start, and nothing more will be tried
    Reason.PROPOSED: {PROGRESSING},  # made just now, and a Rollout is to be moved to it
    Reason.ROUTE_INVALID: {PROGRESSING},  # the route is not there yet
    Reason.UNPROVEN: {DEGRADED},  # it has lasted too long for a delay
    Reason.WAITING_FOR_MODEL_VERSION: {DEGRADED},  # it was refused
}
"""Where the same reason is met on the way and as an end."""
MEANS = {"Current": {HEALTHY}, "Failed": {DEGRADED}, "InProgress": {PROGRESSING, SUSPENDED}}
"""What Argo CD may say of what Flux and Helm say."""


def expected(reason: str) -> set[str]:
    """What may be shown with this reason."""
    also = {look for one, looks in ALSO.items() if one == reason for look in looks}
    return {look for look, reasons in EXPECTED.items() if reason in reasons} | also


def health(found: Object) -> Object:
    """What Argo CD is told of the object."""
    said = Script.at(found["kind"], "health.lua").run(found)
    assert isinstance(said, dict), said
    return said
