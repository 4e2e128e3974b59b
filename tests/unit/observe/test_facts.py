"""Would catch a crashing, unready or refused pod read as healthy, and weights or acknowledgements misread."""

from typing import Any

import pytest
from crossfade.decide.workloads import ports
from crossfade.model.moments import moment
from crossfade.model.route import Writer
from crossfade.model.snapshot import Platform
from crossfade.model.workload import Loss, RevisionFacts
from crossfade.observe.cache import Cache
from crossfade.observe.gather import gather_rollout
from crossfade.observe.pods import read_pod
from crossfade.observe.prune import prune
from crossfade.observe.routes import adoption_of, read_adopted, read_route

from tests.unit.fakes.objects import pod, rollout

OURS = frozenset({"load", "model", "exporter"})
CRASHES: dict[str, Any] = {"waiting": {"reason": "CrashLoopBackOff"}}


def container(name: str = "model", restarts: int = 0, last: Any = None, **state: Any) -> dict[str, Any]:
    return {"name": name, "restartCount": restarts, "state": state, "lastState": last or {}}


READY = [{"type": "Ready", "status": "True"}]
OOM = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        ({"containerStatuses": [container(running={})]}, None),
        ({"containerStatuses": [container(waiting={"reason": "ContainerCreating"})]}, None),
        ({"containerStatuses": [container(waiting={"reason": "ImagePullBackOff"})]}, "ImagePullBackOff"),
        (
            {"containerStatuses": [container(waiting={"reason": "CreateContainerConfigError"})]},
            "CreateContainerConfigError",
        ),
        ({"containerStatuses": [container(waiting={"reason": "CrashLoopBackOff"})]}, "CrashLoopBackOff"),
        ({"containerStatuses": [container(waiting={"reason": "CrashLoopBackOff"}, last=OOM)]}, "OOMKilled"),
        ({"containerStatuses": [container(terminated={"exitCode": 1, "reason": "Error"})]}, "Error"),
        ({"containerStatuses": [container(terminated={"exitCode": 0, "reason": "Completed"})]}, None),
        ({"containerStatuses": [container(running={}, last=OOM)]}, "OOMKilled"),
        ({"initContainerStatuses": [container("load", waiting={"reason": "ErrImagePull"})]}, "ErrImagePull"),
    ],
)
def test_the_worst_container_speaks_for_the_pod(status: dict[str, Any], trouble: str | None) -> None:
    assert read_pod(pod(**status), OURS).trouble == trouble


def test_a_restart_of_each_container_as_by_a_reboot_of_the_node_is_not_two_of_one() -> None:
    """Each container counts for itself."""
    rebooted = [container(name, 1, running={}) for name in ("exporter", "model")]
    assert read_pod(pod(containerStatuses=rebooted), OURS).restarts == 1
    crashed = [container("exporter", 1, running={}), container("model", 3, running={})]
    assert read_pod(pod(containerStatuses=crashed), OURS).restarts == 3


@pytest.mark.parametrize("place", ["containerStatuses", "initContainerStatuses"])
@pytest.mark.parametrize("state", [{"running": {}}, CRASHES], ids=str)
def test_a_container_that_others_put_into_the_pod_speaks_not_against_the_model(place: str, state: Any) -> None:
    """Such as the proxy of a mesh, which its webhook adds to the pod and to nothing that is ours."""
    facts = read_pod(pod(**{place: [container("istio-proxy", 7, last=OOM, **state)]}), OURS)
    assert (facts.trouble, facts.restarts) == (None, 0)


def test_a_pod_on_its_way_out_is_not_ready_and_in_no_trouble() -> None:
    leaving = pod(conditions=READY, containerStatuses=[container(terminated={"exitCode": 143, "reason": "Error"})])
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    facts = read_pod(leaving, OURS)
    assert not facts.ready
    assert facts.trouble is None


EVICTED: dict[str, Any] = {
    "phase": "Failed",
    "reason": "Evicted",
    "message": "The node was low on  resource: memory. ",
    "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:09Z"}],
    "containerStatuses": [container(restarts=5, terminated={"exitCode": 137, "reason": "OOMKilled"})],
}


def of_revision(*pods: dict[str, Any]) -> RevisionFacts:
    """A revision that has these pods."""
    cache, named = Cache(), {"name": "demo-1", "namespace": "ml", "uid": "d", "resourceVersion": "1"}
    template = {"spec": {"initContainers": [{"name": "load"}], "containers": [{"name": "model"}]}}
    metadata = {**named, "labels": pods[0]["metadata"]["labels"]}
    deployment = {"kind": "Deployment", "metadata": metadata, "spec": {"template": template}}
    owner = {**rollout(), "metadata": {**rollout()["metadata"], "uid": "u", "generation": 1, "resourceVersion": "1"}}
    for raw in (deployment, owner, *pods):
        raw["metadata"].setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        cache.put(raw)
    snapshot = gather_rollout(cache, Platform("crossfade"), {}, {}, {}, owner, 0.0)
    return snapshot.revisions["demo-1"]


def test_an_evicted_pod_is_no_pod_any_more_and_what_became_of_it_is_known() -> None:
    """Its record stays for as long as nobody collects it: it speaks against nobody, and is not waited for."""
    found = of_revision(pod("a", **EVICTED), pod("b", phase="Running", conditions=READY))
    assert [(one.name, one.ready) for one in found.pods] == [("b", True)]
    assert found.lost == Loss("pod a was evicted: The node was low on resource: memory", moment("2026-01-01T00:00:09Z"))


def test_whose_containers_those_of_a_pod_are_says_the_template_of_its_deployment() -> None:
    found = of_revision(
        pod("a", containerStatuses=[container("model", 2, **CRASHES), container("proxy", 5, **CRASHES)])
    )
    assert [(one.trouble, one.restarts) for one in found.pods] == [("CrashLoopBackOff", 2)]
    injected = of_revision(pod("a", containerStatuses=[container("proxy", 5, **CRASHES)]))
    assert [(one.trouble, one.restarts) for one in injected.pods] == [(None, 0)]


def test_of_several_pods_that_ended_the_last_is_told_of_and_none_whose_end_was_asked_for() -> None:
    later = {**EVICTED, "reason": "Terminated", "message": "", "conditions": []}
    shutdown, gone = pod("b", **later), pod("c", **EVICTED)
    shutdown["metadata"]["creationTimestamp"] = "2026-01-01T00:00:10Z"
    gone["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:11Z"
    assert of_revision(pod("a", **EVICTED), shutdown, gone).lost == Loss(
        "pod b failed (Terminated)", moment("2026-01-01T00:00:10Z")
    )
    assert of_revision(pod("b", phase="Running", conditions=READY)).lost is None


def test_since_when_a_pod_is_warm_is_since_when_it_is_ready_and_its_server_was_started() -> None:
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:09Z"}]
    warmed = pod(conditions=ready, containerStatuses=[{**container(running={}), "started": True}])
    assert read_pod(warmed, OURS).warm_since is None, "it needs no warm-up"
    warmed["spec"] = {"initContainers": [{"name": "warm-up"}], "containers": [{"name": "model"}]}
    assert read_pod(warmed, OURS).warm_since == moment("2026-01-01T00:00:09Z")
    warmed["status"]["containerStatuses"][0]["started"] = False
    assert read_pod(warmed, OURS).warm_since is None


def test_the_loader_s_exit_and_sentence_survive_its_restart() -> None:
    last = {"terminated": {"exitCode": 3, "message": "the bytes differ\n"}}
    facts = read_pod(
        pod(initContainerStatuses=[container("load", last=last, waiting={"reason": "CrashLoopBackOff"})]), OURS
    )
    assert facts.loader_exit == 3
    assert facts.message == "the bytes differ"


def test_a_loader_that_succeeded_says_nothing() -> None:
    facts = read_pod(
        pod(initContainerStatuses=[container("load", terminated={"exitCode": 0, "message": "done"})]), OURS
    )
    assert (facts.loader_exit, facts.message) == (0, "")


def route(*backends: dict[str, Any], **status: Any) -> dict[str, Any]:
    metadata = {"name": "demo", "namespace": "ml", "generation": 4}
    return {
        "kind": "HTTPRoute",
        "metadata": metadata,
        "spec": {"rules": [{"backendRefs": list(backends)}]},
        "status": status,
    }


def test_weights_are_as_they_are_stored_and_default_to_equal_shares() -> None:
    equal = read_route(route({"name": "a"}, {"name": "b"}))
    assert (equal.weights, equal.share("a")) == ({"a": 1, "b": 1}, 0.5)
    fine = read_route(route({"name": "a", "weight": 995}, {"name": "b", "weight": 5}))
    assert (fine.weights, fine.share("b")) == ({"a": 995, "b": 5}, 0.005)
    assert read_route(route({"name": "a", "weight": 0}, {"name": "b", "weight": 7})).weights == {"b": 7}
    assert (read_route(route()).weights, read_route(route()).share("a")) == ({}, 0.0)


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"namespace": "ml", "kind": "Service", "group": ""}, "b"),
        ({"namespace": "other"}, "other/b"),
        ({"kind": "ServiceImport", "group": "multicluster.x-k8s.io"}, "multicluster.x-k8s.io/ServiceImport/b"),
        ({"group": "example.com"}, "example.com/Service/b"),
    ],
)
def test_only_a_service_of_the_routes_own_namespace_is_a_revision(more: dict[str, str], name: str) -> None:
    """Requests that go to another of that name are nobody's, but they do go there."""
    found = read_route(route({"name": "a", "weight": 90}, {"name": "b", "weight": 10, **more}))
    assert (found.weights, found.reached) == ({"a": 90, name: 10}, {"a", name})
    copied = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", **more}}}
    users = {"backendRefs": [{"name": "a"}], "filters": [copied]}
    assert read_route({**route(), "spec": {"rules": [users]}}).reached == {"a", name}


def test_when_the_rules_were_written_last_survives_what_is_kept_in_memory() -> None:
    """As the API server writes it down: whose status it is does not count."""
    rules, status = {"f:spec": {"f:rules": {}}}, {"f:status": {"f:parents": {}}}
    managed = [
        {"manager": "crossfade", "time": "2026-01-01T00:00:07Z", "fieldsV1": rules},
        {"manager": "traefik", "time": "2026-01-01T00:00:09Z", "fieldsV1": status},
    ]
    stored = route()
    stored["metadata"] |= {"managedFields": managed, "labels": {"crossfade.dev/rollout": "demo"}}
    assert read_route(prune(stored)).written_at == moment("2026-01-01T00:00:07Z")
    assert read_route(route()).written_at is None


def test_a_revision_is_reached_by_a_copy_or_a_cohort_as_well_as_by_its_weight() -> None:
    copied = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "b", "port": 80}, "percent": 5}}
    users = {"backendRefs": [{"name": "a", "weight": 100}], "filters": [copied]}
    cohort = {"matches": [{"headers": [{"name": "x", "value": "y"}]}], "backendRefs": [{"name": "c", "weight": 100}]}
    found = read_route({**route(), "spec": {"rules": [cohort, users]}})
    assert (found.weights, found.reached) == ({"a": 100}, {"a", "b", "c"})


def test_a_parent_has_seen_only_what_its_oldest_condition_has_seen() -> None:
    said = [
        {"type": "Accepted", "status": "True", "observedGeneration": 4},
        {"type": "ResolvedRefs", "status": "False", "observedGeneration": 3, "message": "no such Service"},
    ]
    parent = read_route(route(parents=[{"parentRef": {"name": "public"}, "conditions": said}])).parents[0]
    assert parent.accepted
    assert not parent.resolved_refs
    assert parent.observed_generation == 3
    assert parent.namespace == "ml"
    assert parent.message == "no such Service"


ADOPTED = {"gatewayAPI": {"mode": "Adopted", "adopted": {"name": "shop", "rule": "model"}}}
RULES = {"f:spec": {"f:rules": {}, "f:parentRefs": {}}}


def service(name: str, revision: str) -> dict[str, Any]:
    spec = {"selector": {"crossfade.dev/revision": revision}, "ports": ports()}
    metadata = {"name": name, "namespace": "ml", "resourceVersion": "1", "labels": {"crossfade.dev/rollout": "demo"}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def shop(*managers: dict[str, Any]) -> dict[str, Any]:
    backends = [{"name": "demo-blue", "weight": 90}, {"name": "demo-green", "weight": 10}]
    labels = {"crossfade.dev/rollout": "demo"}
    metadata: dict[str, Any] = {"name": "shop", "namespace": "ml", "resourceVersion": "7", "labels": labels}
    metadata["managedFields"] = list(managers)
    spec = {"rules": [{"name": "model", "backendRefs": backends}]}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": spec}


def wrote(manager: str, at: str, fields: dict[str, Any] = RULES) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "time": at, "fieldsType": "FieldsV1", "fieldsV1": fields}


def cached(*raw: dict[str, Any]) -> Cache:
    cache = Cache()
    for one in raw:
        cache.put(one)
    return cache


def test_a_route_that_names_no_hosts_has_none_as_one_that_says_so() -> None:
    """As releases of before wrote them, and as controllers leave them that drop what is empty."""
    named = route()
    named["spec"]["hostnames"] = []
    assert read_route(route()).spec == read_route(named).spec == named["spec"]


def test_an_adopted_route_gives_to_the_revisions_whose_pods_our_services_select() -> None:
    cache = cached(service("demo-blue", "demo-1"), service("demo-green", "demo-2"), shop())
    adoption = adoption_of(cache, rollout(traffic=ADOPTED))
    assert adoption is not None
    assert (adoption.version, adoption.writer) == ("7", None)
    facts = read_adopted(shop(), adoption)
    assert (facts.weights, facts.reached) == ({"demo-1": 90, "demo-2": 10}, {"demo-1", "demo-2"})


def test_of_an_adopted_route_too_only_services_of_its_own_namespace_are_ours() -> None:
    adoption = adoption_of(
        cached(service("demo-blue", "demo-1"), service("demo-green", "demo-2")), rollout(traffic=ADOPTED)
    )
    assert adoption is not None
    here, there = shop(), shop()
    here["spec"]["rules"][0]["backendRefs"][0]["namespace"] = "ml"
    there["spec"]["rules"][0]["backendRefs"][0]["namespace"] = "other"
    assert read_adopted(here, adoption).weights == {"demo-1": 90, "demo-2": 10}
    assert read_adopted(there, adoption).weights == {"demo-2": 10}


@pytest.mark.parametrize(
    "spec",
    [{"ports": ports()}, {**service("demo-blue", "demo-1")["spec"], "ports": [{**ports()[0], "port": 8080}]}],
    ids=["no revision", "another port"],
)
def test_a_service_by_which_the_route_finds_no_revision_is_nobodys(spec: dict[str, Any]) -> None:
    cache = cached({**service("demo-blue", "demo-1"), "spec": spec})
    adoption = adoption_of(cache, rollout(traffic=ADOPTED))
    assert adoption is not None
    assert (adoption.slots, adoption.version) == ({"demo-blue": None, "demo-green": None}, "")


def test_a_route_without_the_label_is_as_good_as_none() -> None:
    unlabelled = shop()
    del unlabelled["metadata"]["labels"]
    adoption = adoption_of(cached(unlabelled), rollout(traffic=ADOPTED))
    assert adoption is not None
    assert adoption.version == ""


def test_a_route_of_our_own_is_not_adopted() -> None:
    assert adoption_of(cached(), rollout()) is None


@pytest.mark.parametrize(
    ("managers", "writer"),
    [
        ([wrote("helm", "2026-01-01T00:00:00Z")], Writer("helm", "2026-01-01T00:00:00Z")),
        (
            [wrote("helm", "2026-01-01T00:00:00Z"), wrote("argocd", "2026-01-02T00:00:00Z")],
            Writer("argocd", "2026-01-02T00:00:00Z"),
        ),
        ([wrote("crossfade/demo", "2026-01-01T00:00:00Z"), wrote("argocd", "2026-01-02T00:00:00Z")], None),
        (
            [wrote("crossfade/other", "2026-01-01T00:00:00Z")],
            Writer("crossfade/other", "2026-01-01T00:00:00Z", rollout="other"),
        ),
        ([wrote("traefik", "2026-01-03T00:00:00Z", {"f:status": {}})], None),
    ],
    ids=["one", "the last of two", "the same as we wrote", "ours for another Rollout", "only a status"],
)
def test_the_last_writer_of_the_rules_is_known(managers: list[dict[str, Any]], writer: Writer | None) -> None:
    adoption = adoption_of(cached(shop(*managers)), rollout(traffic=ADOPTED))
    assert adoption is not None
    assert adoption.writer == writer
