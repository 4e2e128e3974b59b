"""Catches writes to the API server that take others' fields, lose our name, or hide why they were refused."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from crossfade.adapters import kube_client
from crossfade.adapters.kube import KubeCluster, object_path
from crossfade.adapters.kube_client import login, open_client
from crossfade.ports import (
    DEPLOYMENTS,
    EVENTS,
    HTTP_ROUTES,
    MODEL_VERSIONS,
    PODS,
    SERVICES,
    ClusterError,
    Kind,
    Object,
)

from testbed.handle import ClusterHandle
from tests.contract.conftest import token_of

CONFIG_MAPS = Kind("v1", "configmaps", "ConfigMap")
_CRDS = Path(__file__).parents[2] / "crds"
pytestmark = pytest.mark.cluster


def config_map(namespace: str, **data: str) -> Object:
    return {"metadata": {"namespace": namespace, "name": "facts"}, "data": data}


def deployment(namespace: str, replicas: int | None = None) -> Object:
    labels = {"app": "idle"}
    spec: dict[str, Any] = {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"nodeSelector": {"nowhere": "true"}, "containers": [{"name": "idle", "image": "idle"}]},
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {"metadata": {"namespace": namespace, "name": "idle"}, "spec": spec}


def managers(found: Object) -> set[tuple[str, str, str]]:
    return {(m["manager"], m["operation"], m.get("subresource", "")) for m in found["metadata"]["managedFields"]}


async def test_what_is_applied_is_stored_under_our_name(cluster: KubeCluster, namespace: str) -> None:
    found = await cluster.apply(CONFIG_MAPS, config_map(namespace, a="1", b="2"), force=True)
    assert found["data"] == {"a": "1", "b": "2"}
    assert managers(found) == {("crossfade", "Apply", "")}


async def test_one_object_is_read_with_or_without_a_namespace(cluster: KubeCluster, namespace: str) -> None:
    await cluster.apply(CONFIG_MAPS, config_map(namespace, a="1"), force=True)
    assert (await cluster.get(CONFIG_MAPS, namespace, "facts"))["data"] == {"a": "1"}
    assert (await cluster.get(Kind("v1", "namespaces", "Namespace"), None, namespace))["kind"] == "Namespace"
    with pytest.raises(ClusterError) as failure:
        await cluster.get(CONFIG_MAPS, namespace, "fiction")
    assert failure.value.status == 404


async def test_a_field_no_longer_applied_goes_and_others_fields_stay(
    cluster: KubeCluster, namespace: str, bed: ClusterHandle
) -> None:
    await cluster.apply(CONFIG_MAPS, config_map(namespace, a="1", b="2"), force=True)
    bed.kubectl("patch", "configmap", "facts", "-n", namespace, "--type=merge", "-p", '{"data":{"theirs":"x"}}')
    found = await cluster.apply(CONFIG_MAPS, config_map(namespace, a="3"), force=True)
    assert found["data"] == {"a": "3", "theirs": "x"}


async def test_our_own_fields_are_taken_back_from_whoever_changed_them(
    cluster: KubeCluster, namespace: str, bed: ClusterHandle
) -> None:
    await cluster.apply(CONFIG_MAPS, config_map(namespace, weight="100"), force=True)
    bed.kubectl("patch", "configmap", "facts", "-n", namespace, "--type=merge", "-p", '{"data":{"weight":"0"}}')
    found = await cluster.apply(CONFIG_MAPS, config_map(namespace, weight="100"), force=True)
    assert found["data"] == {"weight": "100"}


ROUTE = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": [{"name": "theirs", "port": 80}]}]},
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "spec": {"selector": {"app": "theirs"}, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]},
}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": deployment("any", 0)["spec"]}


@pytest.mark.parametrize(
    ("kind", "theirs", "ours"),
    [
        (HTTP_ROUTES, ROUTE, {"rules": [{"backendRefs": [{"name": "ours", "port": 80}]}]}),
        (SERVICES, SERVICE, {"selector": {"app": "ours"}}),
        (DEPLOYMENTS, DEPLOYMENT, {"selector": {"matchLabels": {"app": "ours"}}}),
    ],
)
async def test_without_force_an_object_of_others_stays_whole_and_its_manager_is_named(
    cluster: KubeCluster, namespace: str, bed: ClusterHandle, kind: Kind, theirs: Object, ours: Object
) -> None:
    metadata = {"namespace": namespace, "name": "fraud"}
    file = bed.kubeconfig.parent / f"{namespace}.json"
    file.write_text(json.dumps(theirs | {"metadata": metadata}))
    bed.kubectl("create", "--field-manager=another-team", "-f", str(file))
    path = object_path(kind, namespace, "fraud")
    before = await cluster.request("GET", path)
    body = {"metadata": metadata | {"labels": {"ours": "yes"}}, "spec": theirs["spec"] | ours}
    with pytest.raises(ClusterError, match="another-team") as failure:
        await cluster.apply(kind, body, force=False)
    after = await cluster.request("GET", path)
    assert failure.value.status == 409
    assert (after["spec"], after["metadata"].get("labels")) == (before["spec"], None)


async def test_without_force_our_own_object_is_mended_where_others_took_a_label_off(
    cluster: KubeCluster, namespace: str, bed: ClusterHandle
) -> None:
    body = config_map(namespace, a="1")
    body["metadata"]["labels"] = {"ours": "yes"}
    await cluster.apply(CONFIG_MAPS, body, force=False)
    bed.kubectl("label", "configmap", "facts", "-n", namespace, "ours-")
    found = await cluster.apply(CONFIG_MAPS, body, force=False)
    assert found["metadata"]["labels"] == {"ours": "yes"}


async def test_a_claim_takes_a_field_from_nobody_and_touches_no_other(
    cluster: KubeCluster, namespace: str, bed: ClusterHandle
) -> None:
    await cluster.apply(CONFIG_MAPS, config_map(namespace, theirs="1"), force=True)
    found = await cluster.claim(CONFIG_MAPS, config_map(namespace, ours="1"), "claimant")
    assert found["data"] == {"theirs": "1", "ours": "1"}
    assert ("claimant", "Apply", "") in managers(found)
    with pytest.raises(ClusterError, match='conflict with "crossfade"') as failure:
        await cluster.claim(CONFIG_MAPS, config_map(namespace, theirs="2"), "claimant")
    assert failure.value.status == 409
    moved = config_map(namespace, ours="2")
    moved["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
    bed.kubectl("label", "configmap", "facts", "-n", namespace, "changed=since")
    with pytest.raises(ClusterError) as failure:
        await cluster.claim(CONFIG_MAPS, moved, "claimant")
    assert failure.value.status == 409, "not the version that was seen"


async def test_what_is_made_is_made_once(cluster: KubeCluster, namespace: str) -> None:
    found = await cluster.make(CONFIG_MAPS, config_map(namespace, a="1"))
    assert managers(found) == {("crossfade", "Update", "")}
    with pytest.raises(ClusterError) as failure:
        await cluster.make(CONFIG_MAPS, config_map(namespace, a="2"))
    assert failure.value.status == 409
    assert (await cluster.get(CONFIG_MAPS, namespace, "facts"))["data"] == {"a": "1"}


async def test_applying_the_same_again_writes_nothing(cluster: KubeCluster, namespace: str) -> None:
    first = await cluster.apply(CONFIG_MAPS, config_map(namespace, a="1"), force=True)
    again = await cluster.apply(CONFIG_MAPS, config_map(namespace, a="1"), force=True)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_status_is_applied_under_a_name_of_its_own(cluster: KubeCluster, namespace: str) -> None:
    await cluster.apply(DEPLOYMENTS, deployment(namespace, 0), force=True)
    condition = {"type": "Seen", "status": "True", "reason": "Looked", "message": "by a test"}
    body = {"metadata": {"namespace": namespace, "name": "idle"}, "status": {"conditions": [condition]}}
    found = await cluster.apply_status(DEPLOYMENTS, body)
    assert ("crossfade-status", "Apply", "status") in managers(found)
    assert any(c["type"] == "Seen" for c in found["status"]["conditions"])


async def test_a_status_is_stored_of_the_version_that_was_seen_and_of_no_other(
    cluster: KubeCluster, namespace: str, bed: ClusterHandle
) -> None:
    """Although it is forced: of a kind of ours, as of one of Kubernetes."""
    bed.kubectl("apply", "--server-side", "-f", str(_CRDS / "modelversions.crossfade.dev.yaml"))
    bed.kubectl("wait", "crd/modelversions.crossfade.dev", "--for=condition=Established", "--timeout=180s")
    version = {"modelName": "m", "version": "1.0.0", "source": {"uri": {"uri": "file:///m"}}}
    for kind, spec in ((SERVICES, SERVICE["spec"]), (MODEL_VERSIONS, version)):  # nobody else writes a status of these
        first = await cluster.make(kind, {"metadata": {"namespace": namespace, "name": "idle"}, "spec": spec})
        seen = {key: first["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion")}
        told = await cluster.apply_status(kind, {"metadata": seen, "status": said("first")})
        for late in ("first", "second"):  # also where nothing would change
            with pytest.raises(ClusterError, match="has been modified") as failure:
                await cluster.apply_status(kind, {"metadata": seen, "status": said(late)})
            assert failure.value.status == 409
        now = await cluster.get(kind, namespace, "idle")
        assert now == told
        renewed = {**seen, "resourceVersion": now["metadata"]["resourceVersion"]}
        again = await cluster.apply_status(kind, {"metadata": renewed, "status": said("first")})
        assert again["metadata"]["resourceVersion"] == now["metadata"]["resourceVersion"], "nothing changed"
        after = await cluster.apply_status(kind, {"metadata": renewed, "status": said("second")})
        assert [one["message"] for one in after["status"]["conditions"] if one["type"] == "Seen"] == ["second"]


def said(message: str) -> Object:
    told = {"type": "Seen", "status": "True", "reason": "Looked", "message": message}
    return {"conditions": [{**told, "lastTransitionTime": "2026-11-22T05:00:00Z"}]}


async def test_scaling_changes_the_replicas_and_nothing_else(cluster: KubeCluster, namespace: str) -> None:
    before = await cluster.apply(DEPLOYMENTS, deployment(namespace, 0), force=True)
    after = await cluster.scale(DEPLOYMENTS, namespace, "idle", 2)
    assert after["spec"] == before["spec"] | {"replicas": 2}
    assert ("crossfade", "Update", "") in managers(after)


async def test_deleting_is_done_in_the_background_and_twice_is_fine(
    cluster: KubeCluster, namespace: str, bed: ClusterHandle
) -> None:
    await cluster.apply(DEPLOYMENTS, deployment(namespace, 1), force=True)
    bed.kubectl("wait", "replicaset", "-n", namespace, "-l", "app=idle", "--for=create", "--timeout=180s")
    await cluster.delete(DEPLOYMENTS, namespace, "idle")
    await cluster.delete(DEPLOYMENTS, namespace, "idle")
    bed.kubectl("wait", "replicaset", "-n", namespace, "-l", "app=idle", "--for=delete", "--timeout=180s")


async def test_only_the_one_that_was_meant_is_deleted(cluster: KubeCluster, namespace: str) -> None:
    stored = await cluster.make(CONFIG_MAPS, config_map(namespace, a="1"))
    await cluster.delete(CONFIG_MAPS, namespace, "facts", "11111111-2222-3333-4444-555555555555")
    assert (await cluster.get(CONFIG_MAPS, namespace, "facts"))["metadata"]["uid"] == stored["metadata"]["uid"]
    await cluster.delete(CONFIG_MAPS, namespace, "facts", stored["metadata"]["uid"])
    with pytest.raises(ClusterError, match="not found"):
        await cluster.get(CONFIG_MAPS, namespace, "facts")


async def test_an_event_is_created_and_counted_when_it_comes_again(cluster: KubeCluster, namespace: str) -> None:
    body = {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"name": "rollout-1", "namespace": namespace},
        "eventTime": "2026-11-22T05:00:00.000000Z",
        "reportingController": "crossfade.dev/operator",
        "reportingInstance": "test",
        "action": "Promote",
        "reason": "Promoted",
        "regarding": {"apiVersion": "v1", "kind": "ConfigMap", "name": "facts", "namespace": namespace},
        "note": "promoted",
        "type": "Normal",
    }
    await cluster.create_event(namespace, body)
    listed = await cluster.request("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
    assert [event["note"] for event in listed["items"]] == ["promoted"]
    await cluster.count_event(namespace, "rollout-1", 2, "2026-11-22T06:00:00.000000Z")
    counted = await cluster.request("GET", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events/rollout-1")
    assert counted["series"]["count"] == 2
    with pytest.raises(ClusterError) as failure:
        await cluster.count_event(namespace, "rollout-2", 2, "2026-11-22T06:00:00.000000Z")
    assert failure.value.status == 404


async def test_a_refusal_names_the_request_the_code_and_the_servers_reason(
    cluster: KubeCluster, namespace: str
) -> None:
    body = {"metadata": {"namespace": namespace, "name": "web"}, "spec": {"ports": [{"port": 70000}]}}
    with pytest.raises(ClusterError, match=r"PATCH /api/v1/namespaces/.*/services/web with 422: .*70000") as failure:
        await cluster.apply(SERVICES, body, force=True)
    assert failure.value.status == 422
    assert len(str(failure.value)) < 700


async def test_a_missing_namespace_is_a_404(cluster: KubeCluster) -> None:
    with pytest.raises(ClusterError) as failure:
        await cluster.apply(CONFIG_MAPS, config_map("no-such-namespace", a="1"), force=True)
    assert failure.value.status == 404


async def test_missing_rights_are_a_403_that_shows_no_token(
    bed: ClusterHandle, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig = bed.service_account_kubeconfig(namespace, "default", tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    cluster = await KubeCluster.connect()
    with pytest.raises(ClusterError, match="cannot delete") as failure:
        await cluster.delete(PODS, namespace, "any")
    await cluster.close()
    assert failure.value.status == 403
    assert token_of(kubeconfig) not in repr(failure.value)


async def test_a_rotated_token_is_taken_up(
    bed: ClusterHandle, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig = bed.service_account_kubeconfig(namespace, "default", tmp_path / "kubeconfig")
    good = kubeconfig.read_text()
    kubeconfig.write_text(good.replace(token_of(kubeconfig), "expired"))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setattr(kube_client, "_REFRESH_SECONDS", 0.0)
    cluster = await KubeCluster.connect()
    with pytest.raises(ClusterError) as before:
        await cluster.delete(PODS, namespace, "any")
    kubeconfig.write_text(good)
    with pytest.raises(ClusterError) as after:
        await cluster.delete(PODS, namespace, "any")
    await cluster.close()
    assert (before.value.status, after.value.status) == (401, 403)


async def test_the_login_for_the_watches_carries_the_same_identity(
    bed: ClusterHandle, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig = bed.service_account_kubeconfig(namespace, "default", tmp_path / "kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    client = await open_client()
    found = await login(client)
    await client.close()
    assert (found["scheme"], found["token"]) == ("Bearer", token_of(kubeconfig))
    assert found["server"] == json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]


async def test_no_cluster_at_all_is_said_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    with pytest.raises(ClusterError, match="set KUBECONFIG"):
        await KubeCluster.connect()


async def test_a_server_that_does_not_answer_is_given_up_in_time(cluster: KubeCluster, namespace: str) -> None:
    silent = await asyncio.start_server(lambda _reader, _writer: asyncio.Event().wait(), "127.0.0.1", 0)
    cluster.client.configuration.host = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    impatient = KubeCluster(cluster.client, timeout=0.2)
    with pytest.raises(ClusterError, match=r"did not answer .* within 0\.2 s") as failure:
        await impatient.apply(CONFIG_MAPS, config_map(namespace, a="1"), force=True)
    silent.close()
    assert failure.value.status == 0


async def test_a_server_that_is_not_there_is_named(cluster: KubeCluster, namespace: str) -> None:
    cluster.client.configuration.host = "http://127.0.0.1:9"
    with pytest.raises(ClusterError, match="cannot be reached") as failure:
        await cluster.delete(CONFIG_MAPS, namespace, "facts")
    assert failure.value.status == 0


def route(namespace: str) -> Object:
    backends = [{"name": "blue", "port": 80, "weight": 1}, {"name": "green", "port": 80, "weight": 0}]
    rules = [{"name": "model", "backendRefs": backends}]
    return {"metadata": {"namespace": namespace, "name": "shop"}, "spec": {"rules": rules}}


def weights(version: str, *parts: int) -> list[Object]:
    tested = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
    place = "/spec/rules/0/backendRefs/{}/weight"
    return [tested, *({"op": "replace", "path": place.format(at), "value": part} for at, part in enumerate(parts))]


async def test_a_patch_is_of_the_version_that_was_seen_or_of_none(cluster: KubeCluster, namespace: str) -> None:
    """It is stored under the name of its Rollout, by which another writer is told from ourselves."""
    stored = await cluster.apply(HTTP_ROUTES, route(namespace), force=True)
    seen = stored["metadata"]["resourceVersion"]
    patched = await cluster.patch(HTTP_ROUTES, namespace, "shop", weights(seen, 90, 10), "crossfade/fraud")
    assert [one["weight"] for one in patched["spec"]["rules"][0]["backendRefs"]] == [90, 10]
    assert ("crossfade/fraud", "Update", "") in managers(patched)
    with pytest.raises(ClusterError) as failure:
        await cluster.patch(HTTP_ROUTES, namespace, "shop", weights(seen, 50, 50), "crossfade/fraud")
    assert failure.value.status in (409, 422)
