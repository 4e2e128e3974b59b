"""Would catch Gateways that take no route of ours, and are said to."""

from crossfade.doctor.finding import Level

from tests.unit.doctor.cluster import FakeCluster, conditions, gateway, labelled, rollout, the, told


def test_without_the_gateway_api_a_rollout_that_needs_it_makes_it_a_fault() -> None:
    cluster = FakeCluster()
    kept = cluster.objects["customresourcedefinitions"]
    cluster.objects["customresourcedefinitions"] = [one for one in kept if "gateway" not in one["metadata"]["name"]]
    assert "does not serve v1 of" in the(cluster, "gateway-api").seen
    cluster.objects["rollouts"] = [rollout(traffic={"replicas": {}})]
    assert "kubectl apply" in the(cluster, "gateway-api", Level.WARNING).cure


def test_a_gateway_api_without_partial_mirrors_is_a_fault_for_who_has_a_partial_shadow() -> None:
    cluster = FakeCluster()
    for one in cluster.objects["customresourcedefinitions"]:
        if one["metadata"]["name"].startswith("httproutes"):
            one["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": {}}
    assert told(cluster, "gateway-api")[0].level is Level.OK
    cluster.objects["rollouts"] = [rollout(strategy={"stages": [{"name": "copy", "shadow": 20}]})]
    assert "requestMirror.percent" in the(cluster, "gateway-api").seen


def test_the_version_and_channel_are_told() -> None:
    assert told(FakeCluster(), "gateway-api")[0].seen == "the Gateway API is there: version v1.6.1, channel standard"


def test_a_class_that_nobody_accepts_is_a_fault_where_it_is_used() -> None:
    cluster = FakeCluster()
    nobody = {"metadata": labelled("nobody"), "spec": {"controllerName": "example.com/gone"}}
    cluster.objects["gatewayclasses"].append(nobody)
    assert "example.com/gone" in the(cluster, "gateway-classes", Level.WARNING).cure
    cluster.objects["gateways"][0]["spec"]["gatewayClassName"] = "nobody"
    assert "GatewayClass nobody is not accepted" in the(cluster, "gateway-classes").seen


def test_a_gateway_that_is_not_programmed_is_told_in_its_controllers_words() -> None:
    cluster = FakeCluster()
    cluster.objects["gateways"][0]["status"] = {
        "conditions": [
            {"type": "Accepted", "status": "True"},
            {"type": "Programmed", "status": "False", "message": "no address"},
        ]
    }
    found = the(cluster, "gateways")
    assert found.seen == "Gateway gateways/public is not programmed: no address"
    assert found.cure.startswith("kubectl --namespace gateways describe gateway public")


def test_what_a_class_can_is_told_where_stages_need_it() -> None:
    cluster = FakeCluster()
    status = cluster.objects["gatewayclasses"][0]["status"]
    assert "no mirrors: stages with `shadow` are refused" in told(cluster, "gateway-classes")[0].seen
    status["supportedFeatures"] = [{"name": "HTTPRouteRequestMirror"}]
    assert "`shadow` below 100 are refused" in told(cluster, "gateway-classes")[0].seen
    status["supportedFeatures"] = ["HTTPRouteRequestMirror", "HTTPRouteRequestPercentageMirror"]
    assert told(cluster, "gateway-classes")[0].seen == "GatewayClass public is accepted, and lists 2 features"
    del status["supportedFeatures"]
    assert "each is rehearsed before users meet it" in told(cluster, "gateway-classes")[0].seen


def test_a_certificate_without_its_grant_is_a_fault_whose_cure_is_a_reference_grant() -> None:
    cluster = FakeCluster()
    refused = {"type": "ResolvedRefs", "status": "False", "reason": "RefNotPermitted", "message": "secret tls/web"}
    cluster.objects["gateways"][0]["status"]["listeners"] = [{"name": "http", "conditions": [refused]}]
    found = the(cluster, "gateways")
    assert "listener http of Gateway gateways/public has ResolvedRefs=False: secret tls/web" in found.seen
    assert "ReferenceGrant" in found.cure


def test_a_gateway_that_no_rollout_names_is_nobodys_fault() -> None:
    cluster = FakeCluster()
    broken = gateway("broken")
    broken["status"] = conditions(Accepted="False", Programmed="True")
    cluster.objects["gateways"].append(broken)
    assert [one.level for one in told(cluster, "gateways")] == [Level.OK]
    cluster.objects["rollouts"] = []
    assert "Gateway gateways/broken is not accepted" in the(cluster, "gateways").seen


def test_a_gateway_that_is_named_and_not_there_is_a_fault_of_that_field() -> None:
    cluster = FakeCluster()
    cluster.objects["rollouts"] = [rollout(traffic={"gatewayAPI": {"parentRefs": [{"name": "gone"}]}})]
    found = the(cluster, "routes")
    assert found.seen.startswith(
        "Rollout ml/fraud: `spec.traffic.gatewayAPI.parentRefs[0]` names Gateway ml/gone, which"
    )
    assert "`spec.traffic.gatewayAPI.parentRefs[0]`" in found.cure


def test_a_gateway_whose_class_is_gone_is_told_so() -> None:
    cluster = FakeCluster()
    cluster.objects["gatewayclasses"] = []
    assert "the class of Gateway gateways/public does not exist" in the(cluster, "routes").seen


def test_a_listener_of_its_own_namespace_alone_takes_no_route_of_another() -> None:
    cluster = FakeCluster()
    cluster.objects["gateways"] = [gateway(admits={"from": "Same"})]
    found = the(cluster, "routes")
    assert "no route of the namespace ml" in found.seen
    assert "edit gateway public" in found.cure


def test_a_selector_that_does_not_select_the_namespace_names_the_label() -> None:
    cluster = FakeCluster()
    cluster.objects["gateways"] = [
        gateway(admits={"from": "Selector", "selector": {"matchLabels": {"team": "risk"}}}),
    ]
    assert the(cluster, "routes").cure == "kubectl label namespace ml team=risk"
    cluster.objects["namespaces"] = [{"metadata": labelled("ml", team="risk")}]
    assert told(cluster, "routes")[0].level is Level.OK


def test_only_the_listeners_that_are_meant_are_looked_at() -> None:
    cluster = FakeCluster()
    one = gateway(admits={"from": "Selector", "selector": {"matchLabels": {"team": "risk"}}})
    one["spec"]["listeners"].append(
        {"name": "all", "port": 81, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
    )
    cluster.objects["gateways"] = [one]
    assert told(cluster, "routes")[0].level is Level.OK
    ref = {"name": "public", "namespace": "gateways", "sectionName": "http"}
    cluster.objects["rollouts"] = [rollout(traffic={"gatewayAPI": {"parentRefs": [ref]}})]
    assert the(cluster, "routes").cure == "kubectl label namespace ml team=risk"


def test_a_listener_of_its_own_namespace_beside_one_with_a_selector_opens_nothing() -> None:
    cluster = FakeCluster()
    one = gateway(admits={"from": "Selector", "selector": {"matchLabels": {"team": "risk"}}})
    one["spec"]["listeners"].append({"name": "own", "port": 81, "protocol": "HTTP"})
    cluster.objects["gateways"] = [one]
    assert the(cluster, "routes").cure == "kubectl label namespace ml team=risk"


def test_before_there_is_a_rollout_it_is_told_which_gateways_would_take_its_route() -> None:
    cluster = FakeCluster()
    cluster.objects["rollouts"] = []
    (found,) = told(cluster, "routes", "ml")
    assert found.seen == "routes of the namespace ml would be taken by Gateway gateways/public"
    cluster.objects["gateways"] = [gateway(admits={"from": "Same"})]
    (found,) = told(cluster, "routes", "ml")
    assert (found.level, found.seen) == (Level.WARNING, "no Gateway takes HTTPRoutes of the namespace ml")
    assert "allowedRoutes.namespaces" in found.cure


def test_selectors_by_expression_are_understood() -> None:
    cluster = FakeCluster()
    rule = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["ml"]}
    cluster.objects["gateways"] = [gateway(admits={"from": "Selector", "selector": {"matchExpressions": [rule]}})]
    cluster.objects["namespaces"] = [{"metadata": labelled("ml", **{"kubernetes.io/metadata.name": "ml"})}]
    assert told(cluster, "routes")[0].level is Level.OK
    rule["operator"] = "NotIn"
    assert the(cluster, "routes").seen


def test_a_stage_that_the_class_cannot_do_is_named() -> None:
    cluster = FakeCluster()
    cluster.objects["rollouts"] = [rollout(strategy={"stages": [{"name": "copy", "shadow": 100}]})]
    found = the(cluster, "routes")
    assert "needs HTTPRouteRequestMirror" in found.seen
    assert found.cure.startswith("take `shadow` out of the stage copy")


def test_a_listener_by_selector_that_has_none_selects_nobody_and_ends_nothing() -> None:
    cluster = FakeCluster()
    cluster.objects["gateways"] = [gateway(admits={"from": "Selector"})]
    assert "kubectl label namespace ml" in the(cluster, "routes").cure


def test_without_grpcroutes_only_who_needs_one_has_a_fault() -> None:
    """As some clouds install the Gateway API; the operator serves HTTPRoutes there."""
    cluster = FakeCluster()
    kept = cluster.objects["customresourcedefinitions"]
    cluster.objects["customresourcedefinitions"] = [one for one in kept if "grpcroutes" not in one["metadata"]["name"]]
    assert "v1 of grpcroutes" in the(cluster, "gateway-api", Level.WARNING).seen
    api = {"kind": "GRPCRoute", "parentRefs": [{"name": "public", "namespace": "gateways"}]}
    cluster.objects["rollouts"] = [rollout(traffic={"gatewayAPI": api})]
    assert "v1 of grpcroutes" in the(cluster, "gateway-api").seen
