"""Would catch tests said to run on the oldest Kubernetes that run on another."""

import json

import pytest

from testbed.bed import Bed
from testbed.binaries.catalogue import KITS
from testbed.pytest_plugin import control_plane


def test_a_bed_has_the_control_plane_that_was_asked_for(bed: Bed, pytestconfig: pytest.Config) -> None:
    asked = control_plane(pytestconfig)
    told = json.loads(bed.kubectl("version", "--output=json"))["serverVersion"]["gitVersion"]
    assert (bed.kubernetes, told) == (asked, f"v{KITS[asked].version}")
