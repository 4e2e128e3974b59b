"""Would catch a control plane that is compiled as another version than it says, or than is downloaded in its place."""

import re
from pathlib import Path

import pytest

from testbed import places
from testbed.binaries import Kubernetes, tools_for
from testbed.binaries.catalogue import KITS, NODE

_A_PATCH_BEFORE = {"endpointslice", "kube-controller-manager", "kube-proxy", "kube-scheduler"}
"""Of these the module proxy does not have 1.31.14, but earlier patches; all but the first have only types."""


def modules(kubernetes: Kubernetes) -> Path:
    """The file that names its Go modules."""
    build = KITS[kubernetes].build
    assert build is not None
    return places.REPOSITORY / "testbed" / build.folder / (build.modules or "go.mod")


@pytest.mark.parametrize("kubernetes", Kubernetes)
def test_it_is_compiled_downloaded_and_stamped_as_one_version(kubernetes: Kubernetes) -> None:
    kit, required = KITS[kubernetes], modules(kubernetes).read_text()
    assert kit.build is not None
    assert f"\tk8s.io/kubernetes v{kit.version}\n" in required
    staged = dict(re.findall(r"\tk8s\.io/(\S+) => k8s\.io/\1 (\S+)", required))
    minor = f"v0.{kit.version.split('.')[1]}."
    assert {name for name, version in staged.items() if not version.startswith(minor)} == set()
    wanted = f"v0.{kit.version.partition('.')[2]}"
    assert {name for name, version in staged.items() if version != wanted} <= _A_PATCH_BEFORE
    (etcd,) = re.findall(r"\tgo\.etcd\.io/etcd/server/v3 v(\S+)", required)
    assert {f"v{kit.version}", f"v{etcd}"} == {re.findall(r"/(v[\d.]+)/", one.url)[0] for one in kit.releases}
    assert f".gitVersion=v{kit.version} " in kit.build.linker_flags


@pytest.mark.parametrize("kubernetes", Kubernetes)
def test_every_module_of_it_is_held_to_a_sum(kubernetes: Kubernetes) -> None:
    named, sums = modules(kubernetes), modules(kubernetes).with_suffix(".sum").read_text()
    assert f"k8s.io/kubernetes v{KITS[kubernetes].version} h1:" in sums
    assert named.read_text().count(" => ") > 0


def test_the_two_are_kept_apart_and_all_else_is_shared() -> None:
    oldest, newest = (tools_for(kubernetes) for kubernetes in (Kubernetes.OLDEST, Kubernetes.NEWEST))
    assert oldest[1:] == newest[1:]
    assert oldest[0].programs == newest[0].programs
    assert oldest[0].name != newest[0].name, "else CROSSFADE_KIT would stand for both"


def test_the_node_is_compiled_of_the_newest_ones_modules_and_by_itself() -> None:
    """Nobody who wants no real node waits for its compiler."""
    kit, node = KITS[Kubernetes.NEWEST].build, NODE.build
    assert kit is not None
    assert node is not None
    assert (node.folder, node.modules, node.linker_flags) == (kit.folder, kit.modules, kit.linker_flags)
    folder = places.REPOSITORY / "testbed" / node.folder
    assert [name for name in NODE.programs if f'"{name}":' in (folder / node.package / "main.go").read_text()] == [
        *NODE.programs
    ]
    assert "/kubelet/" not in (folder / "main.go").read_text()
