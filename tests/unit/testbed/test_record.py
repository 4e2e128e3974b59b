"""Would catch a testbed that another checkout's bed on the same machine keeps from starting."""

import json
import os
from pathlib import Path

from testbed.layout import Layout
from testbed.process import start_time
from testbed.record import read


def test_a_bed_that_says_more_of_itself_than_is_known_here_is_a_bed(tmp_path: Path) -> None:
    told = {"name": "other", "dir": str(tmp_path), "pid": os.getpid(), "started": start_time(os.getpid())}
    more = {"kubeconfig": "k", "audit": "a", "mlflow": None, "what_a_later_release_adds": "x"}
    Layout(tmp_path).record.write_text(json.dumps({**told, **more}))
    found = read(tmp_path)
    assert found is not None
    assert (found.name, found.pid) == ("other", os.getpid())
