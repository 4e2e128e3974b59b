"""Would catch a demo that breaks its promises: a good version promoted, a bad one rolled back, no request lost."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("mlflow_url", "mlserver_image")]  # so that both are fetched

_ROOT = Path(__file__).parents[2]


# How likely is it that luck makes this fail? Version 2 gives no error answer, without which no evidence against it can
# grow. Version 3 fails 6 % of its requests where 1.5 % do not matter; to be promoted it would have to show next to none
# of that in some 300 answers: 1 chance in 10^12 (3,000 rollouts simulated with the judge, weighted by likelihood).
def test_the_demo_promotes_version_2_rolls_version_3_back_and_loses_no_request(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    ended = subprocess.run(
        [sys.executable, "-m", "demo", "--report", str(target)], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(target.read_text())
    assert found["promoted"] == ["tumour-classifier-2"]
    assert found["rolledBack"] == ["tumour-classifier-3"]
    assert found["failedByRoute"] == 0
    assert found["badAnswers"] == found["failedByModel"]["unknown"] > 0, "MLServer's errors do not name their version"
    assert 0 < found["secondsToDecision"] <= found["secondsToTrafficGone"] + 3
    assert len(set(found["digests"].values())) == 3
