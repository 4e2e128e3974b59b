"""Would catch: a template that is let through and then ends in a fault of the operator, or is refused in no words."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from crossfade.api.v1alpha1.serving import Serving
from crossfade.decide.fitting import unfit
from crossfade.decide.route_kinds import GRPC, HTTP, RouteKind
from crossfade.decide.workloads import pod_template, target_arm
from crossfade.model.snapshot import Platform
from pydantic import ValidationError

from tests.unit.decide.test_workloads import RESOLVED, asked, rollout_of

BODY = {"body": {"inline": "{}"}}
HTTP_PORT = {"name": "http", "containerPort": 9000}


def test_a_custom_server_without_a_port_for_requests_is_named() -> None:
    def custom(*ports: dict[str, Any]) -> Serving:
        container = {"name": "model", "image": "mine", "ports": [*ports]}
        return Serving(runtime="custom", template={"spec": {"containers": [container]}})

    assert "port named `http`" in str(unfit(custom({"name": "rest", "containerPort": 9000})))
    assert "port named `http`" in str(unfit(custom({"name": "http", "containerPort": 9000, "protocol": "UDP"})))
    assert "port named `http`" in str(unfit(custom()))
    assert unfit(custom({"name": "http", "containerPort": 9000})) is None
    assert unfit(Serving()) is None
    assert "must have a TCP port named `grpc`" in str(unfit(custom({"name": "http", "containerPort": 9000}), GRPC))
    assert unfit(custom({"name": "grpc", "containerPort": 9000}), GRPC) is None


@pytest.mark.parametrize(
    "ports", [[{"containerPort": 8080}], [{"name": "http", "containerPort": 8080, "protocol": "UDP"}]]
)
def test_an_overlay_that_takes_the_port_for_requests_away_is_named(ports: list[dict[str, Any]]) -> None:
    """A list without names replaces the runtime's own."""
    template = {"spec": {"containers": [{"name": "model", "ports": ports}]}}
    said = str(unfit(Serving(template=template)))
    assert "spec.serving.template.spec.containers, in its container model, `ports` must have a TCP port named" in said


def test_an_overlay_may_move_the_port_for_requests_and_add_others() -> None:
    ports = [{"name": "http", "containerPort": 9000}, {"name": "grpc", "containerPort": 9001}]
    assert unfit(Serving(template={"spec": {"containers": [{"name": "model", "ports": ports}]}})) is None


def custom_pod(**spec: Any) -> Serving:
    """A server of one's own that is warmed up."""
    model = {"name": "model", "image": "m", "ports": [HTTP_PORT]}
    template = {"spec": {"containers": [model], **spec}}
    return Serving.model_validate({"runtime": "custom", "template": template, "warmup": BODY})


def model(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "model", "image": "m", "ports": [HTTP_PORT], **fields}]}


@pytest.mark.parametrize(
    ("pod", "says"),
    [
        (model(readinessProbe={"httpGet": {"path": "/r"}}), "containers[0].readinessProbe.httpGet.port"),
        (model(startupProbe={"httpGet": {"port": 1, "path": "/a b"}}), "containers[0].startupProbe.httpGet.path must"),
        (model(startupProbe=True), "spec.containers[0].startupProbe must be"),
        ({"volumes": [{"emptyDir": {}}]}, "spec.volumes[0].name must be set"),
        ({"initContainers": [{"name": "model"}]}, "must have different names; twice or more: model"),
        (model(volumeMounts=[{"name": "x"}]), "spec.containers[0].volumeMounts[0].mountPath must be set"),
    ],
)
def test_what_pods_cannot_be_made_of_is_named_by_field(pod: dict[str, Any], says: str) -> None:
    said = unfit(custom_pod(**pod)) or ""
    assert said.startswith("spec.serving.template must make a pod template: ")
    assert says in said


def test_a_probe_of_a_port_that_is_not_there_is_named() -> None:
    assert unfit(custom_pod(**model(readinessProbe={"httpGet": {"port": "rest"}}))) == (
        "spec.serving.template.spec.containers, in its container model, `readinessProbe.httpGet.port` must be a number"
        " or one of the names of its ports (http), not `rest`"
    )


def test_calls_are_not_warm_ups() -> None:
    """Those are HTTP requests, which the server of a GRPCRoute must take as well."""
    ports: list[dict[str, Any]] = [{"name": "grpc", "containerPort": 9000}]
    template = {"spec": {"containers": [{"name": "model", "ports": ports}]}}
    merged = Serving.model_validate({"template": template, "warmup": BODY})
    assert unfit(merged, GRPC) is None, "MLServer has both"
    with pytest.raises(ValidationError, match="must bring a port named `http` in the first of"):
        Serving.model_validate({"runtime": "custom", "template": template, "warmup": BODY})
    ports.append({"name": "http", "containerPort": 1, "protocol": "UDP"})
    said = unfit(Serving.model_validate({"runtime": "custom", "template": template, "warmup": BODY}), GRPC)
    assert said is not None
    assert "must have a TCP port named `http` as well: warm-up requests are sent there; or leave out" in said


@pytest.mark.parametrize("part", ["containers", "initContainers"])
@pytest.mark.parametrize("name", ["load", "warm-up"])
def test_nobody_takes_the_names_of_the_containers_that_are_added(part: str, name: str) -> None:
    containers: dict[str, list[dict[str, Any]]] = {"containers": [{"name": "model"}], "initContainers": []}
    containers[part].append({"name": name})
    with pytest.raises(ValidationError, match="must not be `load` or `warm-up`"):
        Serving.model_validate({"template": {"spec": containers}})


def test_a_port_without_a_number_is_named() -> None:
    template = {"spec": {"containers": [{"name": "model", "ports": [{"name": "http"}]}]}}
    with pytest.raises(ValidationError, match="must have a `containerPort` in each of the `ports`"):
        Serving.model_validate({"runtime": "custom", "template": template})
    assert unfit(Serving.model_validate({"template": template})) is None, "it has MLServer's own"
    template["spec"]["containers"][0]["ports"] = [{"name": "rest"}]
    said = unfit(Serving.model_validate({"template": template}))
    assert said is not None
    assert "with what the runtime brings, must make a pod template: spec.containers[0].ports[2].containerPort" in said


RICH: dict[str, Any] = {
    "metadata": {"labels": {"team": "risk"}, "annotations": {"a": "b"}},
    "spec": {
        "initContainers": [{"name": "early", "ports": [{"containerPort": 1}], "volumeMounts": []}],
        "containers": [
            {
                "name": "model",
                "image": "m",
                "env": [{"name": "A", "value": "b"}],
                "ports": [HTTP_PORT, {"name": "grpc", "containerPort": 9001, "protocol": "TCP"}],
                "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True}],
                "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
                "startupProbe": {"httpGet": {"port": 9000, "path": "/s", "scheme": "HTTP"}, "periodSeconds": 1},
                "readinessProbe": {"httpGet": {"port": "http", "path": "/r", "host": "h"}},
            },
            {"name": "side", "ports": [{"containerPort": 2}]},
        ],
        "volumes": [{"name": "data", "emptyDir": {}}],
    },
}
ODD: list[Any] = [None, True, 0, 1, -1, 1.5, 70000, "", "x", "http", "load", [], {}, [None], ["x"], [{}], {"name": "x"}]


def changed(value: Any) -> Iterator[Any]:
    """Every copy of it in which one place is left out or odd."""
    if not isinstance(value, dict | list):
        return
    for key in value if isinstance(value, dict) else range(len(value)):
        less = copy.deepcopy(value)
        del less[key]
        yield less
        for other in (*ODD, *changed(value[key])):
            more = copy.deepcopy(value)
            more[key] = other
            yield more


ROLLOUT = rollout_of(asked())
ARM = target_arm(ROLLOUT, asked(), RESOLVED)


def told(serving: dict[str, Any], kind: RouteKind) -> bool:
    """Whether it is refused in words; else pods are made of it."""
    try:
        read = Serving.model_validate(serving)
    except ValidationError:
        return True
    if unfit(read, kind):
        return True
    pod_template(ROLLOUT, read, ARM, RESOLVED, Platform("crossfade:1"), kind)
    return False


@pytest.mark.parametrize(("runtime", "kind"), [("mlserver", HTTP), ("custom", GRPC)])
def test_of_every_template_pods_are_made_or_it_is_said_why_not(runtime: str, kind: RouteKind) -> None:
    whole = {"runtime": runtime, "warmup": BODY, "template": RICH}
    assert not told(whole, kind)
    refused = [told({**whole, "template": template}, kind) for template in changed(RICH)]
    assert 0.2 < sum(refused) / len(refused) < 0.95
