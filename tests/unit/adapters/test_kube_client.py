"""Would catch another cluster than kubectl has: of several kubeconfigs, and once somebody turned to another context."""

import json
import os
from pathlib import Path

import pytest
from crossfade.adapters import kube_client
from crossfade.adapters.kube_client import authorization, connect, open_client
from crossfade.ports import ClusterError


def kubeconfig(path: Path, *clusters: str, present: str | None) -> Path:
    """A file with a context for each cluster; which of them is present may be said elsewhere."""
    content = {
        "clusters": [{"name": each, "cluster": {"server": f"https://{each}"}} for each in clusters],
        "users": [{"name": each, "user": {"token": f"of-{each}"}} for each in clusters],
        "contexts": [{"name": each, "context": {"cluster": each, "user": each}} for each in clusters],
    }
    path.write_text(json.dumps(content if present is None else {**content, "current-context": present}))
    return path


async def reached(monkeypatch: pytest.MonkeyPatch, *files: Path) -> str:
    """The API server that is talked to with these files."""
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, files)))
    client = await open_client()
    await client.close()
    return str(client.configuration.host)


async def test_of_several_files_the_first_that_says_so_names_the_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kubeconfig(tmp_path / "first", "mine", present="mine")
    last = kubeconfig(tmp_path / "last", "theirs", present="theirs")
    silent = kubeconfig(tmp_path / "silent", present="")
    nothing = tmp_path / "nothing"
    nothing.touch()
    assert await reached(monkeypatch, first, last) == "https://mine"
    assert await reached(monkeypatch, last, first) == "https://theirs"
    assert await reached(monkeypatch, silent, nothing, tmp_path / "none", last, first) == "https://theirs"
    assert (
        await reached(monkeypatch, kubeconfig(tmp_path / "context", present="theirs"), first, last) == "https://theirs"
    )


@pytest.mark.parametrize("content", ["", "nonsense", "- a list"])
async def test_a_file_that_is_no_kubeconfig_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    (tmp_path / "file").write_text(content)
    with pytest.raises(ClusterError, match=r"there is no way to reach a cluster: .*; set KUBECONFIG, or run in a pod"):
        await reached(monkeypatch, tmp_path / "file")


async def test_who_turns_to_another_context_meanwhile_turns_nobody_who_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials are read anew, for they change; of the cluster that it began with."""
    path = kubeconfig(tmp_path / "both", "mine", "theirs", present="mine")
    monkeypatch.setattr(kube_client, "_REFRESH_SECONDS", 0.0)
    monkeypatch.setenv("KUBECONFIG", str(path))
    client = await open_client()
    content = kubeconfig(path, "mine", "theirs", present="theirs").read_text()
    path.write_text(content.replace("of-mine", "renewed"))
    assert await authorization(client) == {"Authorization": "Bearer renewed"}
    assert client.configuration.host == "https://mine"
    await client.close()


async def test_it_says_by_which_context_it_came_and_goes_on_saying_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kubeconfig(tmp_path / "first", "mine", present="mine")
    last = kubeconfig(tmp_path / "last", "theirs", present="theirs")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(map(str, (last, first))))
    client, way = await connect("somebody")
    await client.close()
    assert way == "the context `theirs`"


async def test_in_a_pod_it_says_that_it_came_as_the_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setattr(kube_client.config, "load_incluster_config", lambda found: None)
    client, way = await connect("somebody")
    await client.close()
    assert way == "this pod's service account"
