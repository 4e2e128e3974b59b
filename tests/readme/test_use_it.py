"""Would catch a README whose three commands do not lead from a fresh cluster to a model that answers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.models.traffic import bodies
from testbed import places
from testbed.bed import Bed
from testbed.binaries.environments import python_env

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("mlserver_image")]

_NAMESPACE = "of-a-new-user"
_WITHIN = "--timeout=300s"


def commands(heading: str) -> list[str]:
    """What the first block of shell below the heading says, each command with its continued lines."""
    page = (places.REPOSITORY / "README.md").read_text()
    block = page.partition(f"\n## {heading}\n")[2].partition("```sh\n")[2].partition("```")[0]
    return block.replace("\\\n", " ").splitlines()


@pytest.fixture
def registered(bed: Bed, mlflow_url: str) -> None:
    """The versions that the quickstart names, in the registry that the README names."""
    python = python_env("mlflow") / "bin" / "python"
    words = [str(python), "-m", "demo.models.train", "--tracking-uri", mlflow_url]
    with bed.popen(words, cwd=places.REPOSITORY, stdout=subprocess.DEVNULL) as training:
        assert training.wait() == 0


@pytest.fixture
def kubeconfig(bed: Bed, tmp_path: Path) -> Iterator[Path]:
    """A user's own, whose context has a namespace. In the end nothing of what was installed is left."""
    assert "crossfade" not in bed.kubectl("get", "crds,namespaces", "--output=name")
    bed.kubectl("create", "namespace", _NAMESPACE)
    config = json.loads(bed.kubectl("config", "view", "--raw", "--minify", "--flatten", "--output=json"))
    config["contexts"][0]["context"]["namespace"] = _NAMESPACE
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    yield path
    bed.kubectl("delete", "rollouts", "--all", "--namespace", _NAMESPACE, _WITHIN)
    bed.helm("uninstall", "crossfade", "--namespace", "crossfade-system", "--wait")
    bed.kubectl("delete", "namespace", _NAMESPACE, "crossfade-system", _WITHIN)
    bed.kubectl("delete", "-f", str(places.REPOSITORY / "crds"), _WITHIN)


def said_by(bed: Bed, kubeconfig: Path, command: str) -> str:
    """What a shell of the user prints, in the folder of the README."""
    words = ["env", f"KUBECONFIG={kubeconfig}", "bash", "-euc", command]
    with bed.popen(words, cwd=places.REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as shell:
        said, _ = shell.communicate()
    assert shell.returncode == 0, said
    return str(said)


@pytest.mark.usefixtures("registered")
def test_three_commands_lead_to_a_model_that_answers(bed: Bed, kubeconfig: Path, tmp_path: Path) -> None:
    install, apply, look = commands("Use it")
    assert "STATUS: deployed" in said_by(bed, kubeconfig, install)
    assert "rollout.crossfade.dev/tumour-classifier created" in said_by(bed, kubeconfig, apply)
    said_by(bed, kubeconfig, f"kubectl wait rollout/tumour-classifier --for=condition=Ready {_WITHIN}")
    said_by(bed, kubeconfig, f"kubectl wait modelversions --all --for=condition=Ready {_WITHIN}")
    shown = said_by(bed, kubeconfig, look)
    assert [line.split()[0] for line in shown.splitlines() if "tumour" in line] == [
        "rollout.crossfade.dev/tumour-classifier",
        *(f"modelversion.crossfade.dev/tumour-classifier-{number}" for number in (1, 2, 3)),
    ]
    asked = tmp_path / "bodies"
    asked.write_bytes(bodies(python_env("mlserver"))[0])
    url = f"{bed.gateway}/v2/models/model/infer"
    words = [sys.executable, "-m", "demo.first_answer", url, "tumour-classifier.example.com", str(asked)]
    assert json.loads(bed.run(words))["answer"]["outputs"]
