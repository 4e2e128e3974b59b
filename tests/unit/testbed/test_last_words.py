"""Would catch a stand-in kubelet that keeps more of a container's last words than a kubelet does."""

import pytest

from testbed.kubelet.container import kept_words


@pytest.mark.parametrize(("beside", "kept"), [(0, 4096), (2, 4096), (3, 3072), (5, 2048)])
def test_of_a_pods_words_each_container_has_a_share(beside: int, kept: int) -> None:
    pod = {"containers": [{"name": "measure"}], "initContainers": [{"name": f"mesh-{n}"} for n in range(beside)]}
    text = kept_words(b"x" + b"a" * 4095 + b"b", pod)
    assert (len(text), text[0]) == (kept, "a")
    assert kept_words(b"short", pod) == "short"
