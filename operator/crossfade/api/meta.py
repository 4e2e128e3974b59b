"""Names that leave the process: the group, its labels, annotations, finalizer and field managers."""

GROUP = "crossfade.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

FIELD_MANAGER = "crossfade"
STATUS_MANAGER = "crossfade-status"
FINALIZER = f"{GROUP}/traffic"

LABEL_ROLLOUT = f"{GROUP}/rollout"
LABEL_REVISION = f"{GROUP}/revision"
LABEL_MODEL_VERSION = f"{GROUP}/model-version"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
LABEL_SERVES = f"{GROUP}/serves"
"""On pods that a Service leads to while both versions are behind it; its value is the Rollout's name."""
LABEL_ENTRY = f"{GROUP}/entry"
"""On the Service that clients call where there is no gateway, and so on its EndpointSlices; the Rollout's name."""

ANNOTATION_DIGEST = f"{GROUP}/digest"
ANNOTATION_MODEL_VERSION = f"{GROUP}/model-version"
ANNOTATION_WARM_UP = f"{GROUP}/warm-up-requests"
ANNOTATION_SPLIT = f"{GROUP}/split"
"""How many pods of each revision a Service leads to, as JSON."""
ANNOTATION_COST = "controller.kubernetes.io/pod-deletion-cost"
"""Kubernetes' own: of a Deployment that shrinks, pods with more of it go last."""
ORDER = f"{GROUP}/"
"""Before an order's verb: `crossfade.dev/abort: <token>`, with `-by` and `-reason` behind the verb beside it."""

HEADER_REHEARSAL = "x-crossfade-rehearsal"
"""Header of requests that try a rule before users meet it, and of answers through such a rule; its value is secret."""

HEADER_REVISION = "x-crossfade-revision"
"""Response header that the managed route sets, so that people, probes and load generators see which arm answered."""
