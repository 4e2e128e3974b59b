"""Would catch actions sent out of order or on after a refusal, and another team's object taken over by force."""

import pytest
from crossfade.act.execute import ActionError, Known, NoImageVolumesError, Replaced, execute
from crossfade.api import meta
from crossfade.decide.plan import Action, Apply, Delete, Label, Scale, Target, Weigh
from crossfade.ports import ClusterError, Object, StaleError

from tests.unit.fakes.cluster import FakeCluster

BODY = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "ml"}, "spec": {}}


def ticked(action: Action) -> None:
    """Nobody takes note."""


def nothing(kind: str, namespace: str, name: str) -> Object | None:
    return None


def labelled(rollout: str) -> Object:
    return {**BODY, "metadata": {"name": "d", "namespace": "ml", "labels": {meta.LABEL_ROLLOUT: rollout}}}


def known_as(rollout: str) -> Known:
    return lambda kind, namespace, name: labelled(rollout)


async def test_actions_are_sent_in_order_and_what_they_return_is_absorbed() -> None:
    cluster, seen = FakeCluster(), list[dict[str, object]]()
    actions = (Apply(Target.DEPLOYMENT, BODY, "why"), Scale("d", 3, "why"), Delete(Target.SERVICE, "d", "why"))
    done = list[Action]()
    await execute(cluster, "ml", actions, nothing, seen.append, done.append)
    assert done == list(actions)
    assert cluster.writes == [("apply", "Deployment", "d"), ("scale", "Deployment", "d"), ("delete", "Service", "d")]
    assert seen[1]["spec"] == {"replicas": 3}
    assert len(seen) == 2


async def test_nothing_is_sent_after_a_refusal_and_the_sentence_says_what_and_why() -> None:
    cluster = FakeCluster()
    cluster.refuse = lambda verb, kind, name: verb == "scale"
    actions = (Scale("d", 3, "three are asked for"), Delete(Target.SERVICE, "d", "why"))
    done = list[Action]()
    with pytest.raises(ActionError, match=r"Deployment d could not be written \(three are asked for\): .*refused"):
        await execute(cluster, "ml", actions, nothing, lambda raw: None, done.append)
    assert (cluster.writes, done) == ([], [])


def released(*finalizers: str) -> Apply:
    metadata = {"name": "demo", "namespace": "ml", "finalizers": [*finalizers]}
    return Apply(Target.ROLLOUT, {"apiVersion": meta.API_VERSION, "kind": "Rollout", "metadata": metadata}, "why")


async def test_what_may_not_be_deleted_holds_up_what_hangs_on_it_and_nothing_else() -> None:
    """An autoscaler that stays owns the number of pods; and what a Rollout has left is found by the Rollout."""
    cluster, done = FakeCluster(), list[Action]()
    cluster.refuse = lambda verb, kind, name: (verb, kind) == ("delete", "HorizontalPodAutoscaler")
    held = Delete(Target.AUTOSCALER, "d", "nobody asks for it")
    hang = (Scale("d", 3, "why"), Delete(Target.SERVICE, "e", "why"), released())
    others = (Apply(Target.DEPLOYMENT, BODY, "why"), released(meta.FINALIZER))
    cluster.create({**BODY, "metadata": {"name": "e", "namespace": "ml"}})
    more = Scale("e", 3, "why")
    (kept,) = await execute(cluster, "ml", (held, *hang, *others, more), nothing, lambda raw: None, done.append)
    assert str(kept) == ("HorizontalPodAutoscaler d could not be deleted (nobody asks for it): delete of d is refused")
    assert done == [*others, more]


async def test_an_object_with_our_label_is_written_by_force() -> None:
    cluster = FakeCluster()
    cluster.create(labelled("demo"))
    await execute(
        cluster, "ml", [Apply(Target.DEPLOYMENT, labelled("demo"), "why")], known_as("demo"), lambda raw: None, ticked
    )
    assert cluster.writes == [("apply", "Deployment", "d")]


async def test_a_kind_of_route_that_the_cluster_lacks_is_named() -> None:
    cluster = FakeCluster()
    cluster.unserved.add("GRPCRoute")
    route = {**BODY, "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute"}
    with pytest.raises(ActionError, match=r"does not have GRPCRoutes: install the CRDs of .*traffic.replicas"):
        await execute(cluster, "ml", [Apply(Target.GRPC_ROUTE, route, "why")], nothing, lambda raw: None, ticked)


@pytest.mark.parametrize("known", [nothing, known_as("another")])
async def test_an_object_that_is_not_ours_is_left_as_it_is_and_the_sentence_says_what_to_do(known: Known) -> None:
    cluster = FakeCluster()
    cluster.create(BODY)
    with pytest.raises(ActionError, match=r'conflict with "others"; .* rename the Rollout or delete the Deployment'):
        await execute(
            cluster, "ml", [Apply(Target.DEPLOYMENT, labelled("demo"), "why")], known, lambda raw: None, ticked
        )
    assert cluster.writes == []


SHOP = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "shop", "namespace": "ml", "labels": {meta.LABEL_ROLLOUT: "demo"}},
    "spec": {"rules": [{"backendRefs": [{"name": "a", "weight": 1}]}]},
}


def weigh(version: str, *otherwise: Apply) -> Weigh:
    test = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
    replace = {"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 90}
    return Weigh("shop", "fraud", {"a": 90}, (test, replace), "why", otherwise)


async def test_weights_are_written_into_the_very_route_that_was_seen() -> None:
    cluster, seen = FakeCluster(), list[Object]()
    stored = cluster.create(SHOP)
    await execute(cluster, "ml", [weigh(stored["metadata"]["resourceVersion"])], nothing, seen.append, ticked)
    assert cluster.writes == [("patch", "HTTPRoute", "shop")]
    assert seen[0]["spec"]["rules"][0]["backendRefs"][0]["weight"] == 90


async def test_a_route_that_others_have_changed_is_looked_at_anew_and_no_error() -> None:
    cluster, seen = FakeCluster(), list[Object]()
    old = cluster.create(SHOP)
    new = cluster.create(SHOP)
    with pytest.raises(StaleError, match="HTTPRoute shop was changed by others just now"):
        await execute(cluster, "ml", [weigh(old["metadata"]["resourceVersion"])], lambda *_: old, seen.append, ticked)
    assert cluster.writes == []
    assert seen == [new]


async def test_a_route_that_is_as_it_was_seen_and_refuses_is_an_error() -> None:
    cluster = FakeCluster()
    stored = cluster.create(SHOP)
    cluster.refuse = lambda verb, kind, name: verb == "patch"
    with pytest.raises(ActionError, match=r"HTTPRoute shop could not be written \(why\): patch of shop is refused"):
        await execute(
            cluster, "ml", [weigh(stored["metadata"]["resourceVersion"])], lambda *_: stored, lambda raw: None, ticked
        )


async def test_a_service_of_others_with_the_name_of_ours_is_not_made_to_select_our_pods() -> None:
    """Server-side apply would merge both selectors, without a conflict."""
    cluster = FakeCluster()
    theirs = {**BODY, "apiVersion": "v1", "kind": "Service", "spec": {"selector": {"app": "theirs"}}}
    cluster.create(theirs)
    cluster.foreign.clear()
    ours = {**labelled("demo"), "apiVersion": "v1", "kind": "Service"}
    with pytest.raises(ActionError, match=r"there is a Service of this name already; .* delete the Service"):
        await execute(cluster, "ml", [Apply(Target.SERVICE, ours, "why")], nothing, lambda raw: None, ticked)
    assert cluster.writes == []


async def test_a_pod_gets_its_label_and_loses_it_and_one_that_is_gone_is_fine() -> None:
    cluster, seen = FakeCluster(), list[Object]()
    cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "ml"}})
    come, go = (Label("p", "fraud", serves=serves, why="why") for serves in (True, False))
    await execute(
        cluster, "ml", [come, go, Label("gone", "fraud", serves=True, why="why")], nothing, seen.append, ticked
    )
    assert [one["metadata"]["labels"] for one in seen] == [{meta.LABEL_SERVES: "fraud"}, {}]
    assert cluster.writes == [("mark", "Pod", "p"), ("mark", "Pod", "p")]


def mounting(volume: str = "model") -> Object:
    """A Deployment whose pods have an image volume of this name beside another."""
    volumes = [{"name": "tmp", "emptyDir": {}}, {"name": volume, "image": {"reference": "r/fraud@sha256:0"}}]
    return {**BODY, "spec": {"template": {"spec": {"volumes": volumes}}}}


async def test_pods_are_not_made_where_the_api_server_would_drop_their_image_volume() -> None:
    cluster = FakeCluster()
    cluster.image_volumes = False
    actions = [Apply(Target.DEPLOYMENT, mounting(), "v1 needs pods")]
    with pytest.raises(NoImageVolumesError, match=r"Deployment d was not made \(v1 needs pods\): this cluster's API"):
        await execute(cluster, "ml", actions, nothing, lambda raw: None, ticked)
    assert cluster.writes == []
    cluster.image_volumes = True
    await execute(cluster, "ml", actions, nothing, lambda raw: None, ticked)
    assert cluster.writes == [("apply", "Deployment", "d")]


async def test_an_image_volume_of_the_templates_own_is_its_authors_business() -> None:
    cluster = FakeCluster()
    cluster.image_volumes = False
    await execute(
        cluster, "ml", [Apply(Target.DEPLOYMENT, mounting("tools"), "why")], nothing, lambda raw: None, ticked
    )
    assert cluster.writes == [("apply", "Deployment", "d")]


def service(name: str) -> Apply:
    metadata = {"name": name, "namespace": "ml", "labels": {meta.LABEL_ROLLOUT: "demo"}}
    return Apply(
        Target.SERVICE,
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": []}},
        "v1 answers",
    )


async def test_where_no_weights_are_taken_is_done_what_is_to_be_done_otherwise_and_then_the_rest() -> None:
    cluster, done = FakeCluster(), list[Action]()
    stored, otherwise, rest = cluster.create(SHOP), service("green"), service("other")
    cluster.refuse = lambda verb, kind, name: verb == "patch"
    actions = (weigh(stored["metadata"]["resourceVersion"], otherwise), rest)
    (refused,) = await execute(cluster, "ml", actions, lambda *_: stored, lambda raw: None, done.append)
    assert isinstance(refused, Replaced)
    assert refused.said == (
        "HTTPRoute shop could not be written (why): patch of shop is refused;"
        " written in its place: Service green (v1 answers)"
    )
    assert done == [otherwise, rest]


@pytest.mark.parametrize("status", [0, 504])
async def test_of_weights_that_nobody_answered_for_is_not_said_that_they_are_refused(status: int) -> None:
    """They may be stored. A webhook that hangs may be why: users are taken back all the same."""
    cluster, done = FakeCluster(), list[Action]()
    stored, otherwise = cluster.create(SHOP), service("green")

    def silent(verb: str, kind: str, name: str) -> bool:
        if verb == "patch":
            raise ClusterError("no answer within 10 s", status)
        return False

    cluster.refuse = silent
    actions = (weigh(stored["metadata"]["resourceVersion"], otherwise),)
    (found,) = await execute(cluster, "ml", actions, lambda *_: stored, lambda raw: None, done.append)
    assert isinstance(found, Replaced)
    assert found.said.startswith("HTTPRoute shop was not seen to be written (why): no answer within 10 s; written in")
    assert done == [otherwise]


async def test_weights_for_a_route_that_others_have_changed_are_refused_by_nobody() -> None:
    """A new look heals that."""
    cluster = FakeCluster()
    old = cluster.create(SHOP)
    cluster.create(SHOP)
    actions = (weigh(old["metadata"]["resourceVersion"], service("green")),)
    with pytest.raises(StaleError):
        await execute(cluster, "ml", actions, lambda *_: old, lambda raw: None, ticked)
    assert cluster.writes == []


async def test_what_is_to_be_done_otherwise_and_is_refused_too_is_an_error() -> None:
    cluster = FakeCluster()
    stored = cluster.create(SHOP)
    cluster.refuse = lambda verb, kind, name: True
    actions = (weigh(stored["metadata"]["resourceVersion"], service("green")),)
    with pytest.raises(ActionError, match=r"Service green could not be written \(v1 answers\)"):
        await execute(cluster, "ml", actions, lambda *_: stored, lambda raw: None, ticked)
