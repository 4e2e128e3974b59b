"""Would catch a value that people expect of every chart and that does nothing here, or reaches the wrong objects."""

import ast
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from crossfade.model.order import VERBS

from tests.chart.rendering import Object, Render, mounts, named, one, operator, pod

_TEAM = 'commonLabels={"team":"ml","app.example/tier":"platform"}'


def test_common_labels_are_on_every_object_and_change_no_selector(render: Render) -> None:
    everything = (
        "podMonitor.enabled=true",
        "alerts.enabled=true",
        "dashboard.enabled=true",
        "networkPolicy.enabled=true",
    )
    found = render(_TEAM, 'podLabels={"team":"operators"}', *everything)
    assert {item["metadata"]["labels"]["team"] for item in found} == {"ml"}
    labels = pod(found)["metadata"]["labels"]
    assert (labels["team"], labels["app.example/tier"]) == ("operators", "platform")
    own = {"app.kubernetes.io/name": "crossfade", "app.kubernetes.io/instance": "crossfade"}
    assert one(found, "Deployment")["spec"]["selector"]["matchLabels"] == own
    assert one(found, "Service")["spec"]["selector"] == own
    assert one(found, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == own
    assert one(found, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == own
    assert own.items() <= labels.items()


def test_annotations_of_people_win_over_those_of_the_chart(render: Render) -> None:
    marks = pod(render('podAnnotations={"prometheus.io/scrape":"false","linkerd.io/inject":"enabled"}'))["metadata"]
    assert marks["annotations"]["prometheus.io/scrape"] == "false"
    assert marks["annotations"]["linkerd.io/inject"] == "enabled"
    assert marks["annotations"]["kubectl.kubernetes.io/default-container"] == "operator"


def test_environment_and_volumes_are_added_to_those_of_the_chart(render: Render) -> None:
    secret = '{"name":"PASSWORD","valueFrom":{"secretKeyRef":{"name":"proxy","key":"password"}}}'
    found = render(
        f'extraEnv=[{{"name":"HTTPS_PROXY","value":"http://proxy:3128"}},{secret}]',
        'extraVolumes=[{"name":"company","configMap":{"name":"certificates"}}]',
        'extraVolumeMounts=[{"name":"company","mountPath":"/etc/ssl/company","readOnly":true}]',
    )
    env = operator(found)["env"]
    assert env["HTTPS_PROXY"] == "http://proxy:3128"
    assert {"PASSWORD", "CROSSFADE_LEASE"} <= env.keys()
    assert mounts(found, "/etc/ssl/company") == [{"name": "company", "configMap": {"name": "certificates"}}]
    assert len(mounts(found, "/tmp")) == 1


def test_where_pods_run_is_for_people_to_say(render: Render) -> None:
    spec = pod(
        render(
            'nodeSelector={"pool":"system"}',
            'tolerations=[{"key":"dedicated","operator":"Exists","effect":"NoSchedule"}]',
            'affinity={"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"zone"}]}}',
            'priorityClassName="system-cluster-critical"',
            'imagePullSecrets=[{"name":"registry"}]',
        )
    )["spec"]
    assert spec["nodeSelector"] == {"pool": "system"}
    assert spec["tolerations"] == [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}]
    assert spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert spec["priorityClassName"] == "system-cluster-critical"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]


def test_replicas_are_spread_over_nodes_and_zones_where_it_can_be(render: Render) -> None:
    own = {"matchLabels": {"app.kubernetes.io/name": "crossfade", "app.kubernetes.io/instance": "crossfade"}}
    spread = pod(render())["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert all(one["labelSelector"] == own and one["whenUnsatisfiable"] == "ScheduleAnyway" for one in spread)
    rule = (
        '"maxSkew":1,"topologyKey":"rack","whenUnsatisfiable":"DoNotSchedule","labelSelector":{"matchLabels":{"a":"b"}}'
    )
    (found,) = pod(render(f"topologySpreadConstraints=[{{{rule}}}]"))["spec"]["topologySpreadConstraints"]
    assert found["labelSelector"] == {"matchLabels": {"a": "b"}}


def test_more_objects_are_made_and_templates_in_them_filled_in(render: Render) -> None:
    text = r'"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ .Release.Name }}-one"'
    thing = '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"{{ .Release.Namespace }}-two"}}'
    found = named(render(f"extraObjects=[{text},{thing}]"))
    assert {("Secret", "crossfade-one"), ("Secret", "crossfade-system-two")} <= found


def test_nodes_are_drained_one_replica_at_a_time_but_never_held_up_by_the_only_one(render: Render) -> None:
    assert one(render(), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    for values in ("replicas=1", "podDisruptionBudget.enabled=false"):
        assert "PodDisruptionBudget" not in {kind for kind, _ in named(render(values))}


def test_an_account_of_somebody_else_gets_the_rights_and_is_not_made(render: Render) -> None:
    found = render("serviceAccount.create=false", 'serviceAccount.name="theirs"')
    assert ("ServiceAccount", "theirs") not in named(found)
    assert pod(found)["spec"]["serviceAccountName"] == "theirs"
    bound = [item["subjects"] for item in found if item["kind"].endswith("RoleBinding")]
    assert bound == [[{"kind": "ServiceAccount", "name": "theirs", "namespace": "crossfade-system"}]] * 2
    cloud = render('serviceAccount.annotations={"eks.amazonaws.com/role-arn":"arn:aws:iam::1:role/x"}')
    assert one(cloud, "ServiceAccount")["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].startswith("arn:")


def test_nothing_but_its_port_is_reached_and_that_by_whom_people_name(render: Render) -> None:
    anybody = one(render("networkPolicy.enabled=true"), "NetworkPolicy")["spec"]
    assert anybody["policyTypes"] == ["Ingress"]
    assert anybody["ingress"] == [{"ports": [{"port": "http"}]}]
    peer: Object = {"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}
    values = 'networkPolicy.from=[{"namespaceSelector":{"matchLabels":{"name":"monitoring"}}}]'
    found = render("networkPolicy.enabled=true", values, 'networkPolicy.egress=[{"ports":[{"port":443}]}]')
    some = one(found, "NetworkPolicy")["spec"]
    assert some["ingress"][0]["from"][1:] == [peer]
    test_pod = one(found, "Pod")["metadata"]["labels"]
    assert some["ingress"][0]["from"][0]["podSelector"]["matchLabels"].items() <= test_pod.items()
    assert some["policyTypes"] == ["Ingress", "Egress"]


def test_the_service_does_not_take_the_pod_of_helm_test_for_the_operator(render: Render) -> None:
    found = render()
    selector = one(found, "Service")["spec"]["selector"]
    assert not selector.items() <= one(found, "Pod")["metadata"]["labels"].items()
    assert one(found, "Pod")["metadata"]["annotations"]["helm.sh/hook"] == "test"


def test_orders_are_those_that_the_operator_knows(render: Render) -> None:
    found = render('namespaces=["ml"]', "serviceAccount.create=false", 'serviceAccount.name="theirs"')
    policy = one(found, "ValidatingAdmissionPolicy")["spec"]
    (orders,) = [one["expression"] for one in policy["variables"] if one["name"] == "orders"]
    wanted = [f"crossfade.dev/{verb}{more}" for verb in VERBS for more in ("", "-by", "-reason")]
    assert ast.literal_eval(orders) == wanted
    told = policy["validations"][0]["messageExpression"]
    assert all(f"crossfade.dev/{verb}" in told for verb in VERBS)
    assert policy["matchConditions"][0]["expression"].endswith('"system:serviceaccount:crossfade-system:theirs"')
    (places,) = one(found, "ValidatingAdmissionPolicyBinding")["spec"]["matchResources"]["namespaceSelector"].values()
    assert places == [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["ml"]}]
    assert not [kind for kind, _ in named(render("admissionPolicy.enabled=false")) if kind.startswith("Validating")]


@pytest.mark.parametrize(("status", "body"), [(503, b"not yet"), (200, b"something else")])
def test_the_pod_of_helm_test_fails_where_the_operator_does_not_answer_as_it_should(
    render: Render, status: int, body: bytes
) -> None:
    (script,) = one(render(), "Pod")["spec"]["containers"][0]["args"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        here = script.replace("http://crossfade:8080", f"http://127.0.0.1:{server.server_port}")
        assert here != script
        told = subprocess.run([sys.executable, "-c", here], capture_output=True, text=True, check=False)
        server.shutdown()
    assert told.returncode != 0
    assert body.decode() in told.stderr or str(status) in told.stderr


@pytest.mark.parametrize("monitor", ["podMonitor", "serviceMonitor"])
def test_a_monitor_takes_the_place_of_the_annotations(render: Render, monitor: str) -> None:
    found = render(f"{monitor}.enabled=true", f'{monitor}.interval="15s"', f'{monitor}.labels={{"release":"kps"}}')
    made = one(found, f"{monitor[0].upper()}{monitor[1:]}")
    assert made["metadata"]["labels"]["release"] == "kps"
    (endpoint,) = made["spec"].get("podMetricsEndpoints") or made["spec"]["endpoints"]
    assert (endpoint["interval"], endpoint["path"]) == ("15s", "/metrics")
    ports = [one(found, "Service")["spec"]["ports"][0]["name"], operator(found)["ports"][0]["name"]]
    assert endpoint["port"] in ports
    assert not [name for name in pod(found)["metadata"]["annotations"] if name.startswith("prometheus.io/")]
    labels = {"Service": one(found, "Service")["metadata"], "Pod": pod(found)["metadata"]}[
        "Service" if made["kind"] == "ServiceMonitor" else "Pod"
    ]
    assert made["spec"]["selector"]["matchLabels"].items() <= labels["labels"].items()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (("serviceAccount.create=false",), "serviceAccount.name must name a ServiceAccount that is there"),
        (("podMonitor.enabled=true", "serviceMonitor.enabled=true"), "each pod would be scraped twice"),
        (('commonLabels={"app.kubernetes.io/name":"x"}',), "commonLabels must not have app.kubernetes.io/name"),
        (('podLabels={"app.kubernetes.io/instance":"x"}',), "podLabels must not have app.kubernetes.io/instance"),
        (('extraEnv=[{"name":"CROSSFADE_NAMESPACES","value":"ml"}]',), "set namespaces instead"),
        (('extraEnv=[{"name":"CROSSFADE_LEASE","value":"a/b"}]',), "extraEnv must not have CROSSFADE_LEASE"),
        (('extraEnv=[{"name":"CROSSFADE_LEASE_NAMESPACE","value":"a"}]',), "must not have CROSSFADE_LEASE_NAMESPACE"),
    ],
)
def test_values_that_contradict_each_other_are_refused_in_words(
    render: Render, values: tuple[str, ...], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        render(*values)
