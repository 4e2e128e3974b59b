"""etcd, the API server, the controller manager and the scheduler."""

import json

from testbed import address
from testbed.certificates import Authority, new_key, write_key
from testbed.daemons.daemon import Daemon
from testbed.kubeconfig import with_certificate
from testbed.layout import Layout, Plan

USERS = ("kube-controller-manager", "kube-scheduler", "kubelet", "traefik", "prometheus")
_SERVER_NAMES = (
    address.HOST,
    address.API_SERVICE,
    "127.0.0.1",
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
_ENVIRONMENT = {"GOGC": "200"}  # a sixth less processor time at the start, for 100 MB
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [
        {"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
        {"level": "None"},
    ],
}


def write_credentials(layout: Layout) -> None:
    """Write the certificates, the key for service account tokens, the kubeconfigs and the audit policy."""
    authority = Authority(layout.pki)
    authority.issue("kube-apiserver", names=_SERVER_NAMES)
    write_key(new_key(), layout.pki / "service-accounts.key")
    for user in ("admin", *USERS):
        certificate, key = authority.issue(user, groups=("system:masters",))
        target = layout.kubeconfig if user == "admin" else layout.kubeconfig_of(user)
        with_certificate(target, authority.certificate, certificate, key)
    (layout.pki / "audit-policy.json").write_text(json.dumps(_AUDIT_POLICY))


def etcd(plan: Plan, layout: Layout) -> Daemon:
    """etcd on loopback; it never syncs its files, for they are thrown away with the bed."""
    flags = {
        "data-dir": layout.folder / "etcd",
        "listen-client-urls": address.ETCD,
        "advertise-client-urls": address.ETCD,
        "listen-peer-urls": "http://127.0.0.1:2380",
        "unsafe-no-fsync": True,
        "log-level": "warn",
    }
    return Daemon("etcd", (*plan.programs["etcd"], *_words(flags)))


def api_server(plan: Plan, layout: Layout) -> Daemon:
    """The API server with RBAC, service account tokens and an audit log of all writes."""
    pki = layout.pki
    flags = {
        "etcd-servers": address.ETCD,
        "advertise-address": address.HOST,
        "secure-port": address.API_PORT,
        "tls-cert-file": pki / "kube-apiserver.crt",
        "tls-private-key-file": pki / "kube-apiserver.key",
        "client-ca-file": pki / "ca.crt",
        "cert-dir": pki,
        "authorization-mode": "RBAC",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": pki / "service-accounts.key",
        "service-account-signing-key-file": pki / "service-accounts.key",
        "service-cluster-ip-range": address.SERVICE_NETWORK,
        "kubelet-client-certificate": pki / "admin.crt",
        "kubelet-client-key": pki / "admin.key",
        "kubelet-preferred-address-types": "InternalIP",
        # The stand-in tells its pods another address than that of the Service `kubernetes`.
        "endpoint-reconciler-type": "none" if plan.packages is None else "lease",
        "allow-privileged": True,
        "audit-policy-file": pki / "audit-policy.json",
        "audit-log-path": layout.audit,
        "profiling": False,
    }
    return Daemon("kube-apiserver", (*plan.programs["kube-apiserver"], *_words(flags)), _ENVIRONMENT)


def controller_manager(plan: Plan, layout: Layout) -> Daemon:
    """The controllers, with an authority that signs and publishes kube-root-ca.crt."""
    pki = layout.pki
    flags = {
        "kubeconfig": layout.kubeconfig_of("kube-controller-manager"),
        "service-account-private-key-file": pki / "service-accounts.key",
        "root-ca-file": pki / "ca.crt",
        "cluster-signing-cert-file": pki / "ca.crt",
        "cluster-signing-key-file": pki / "ca.key",
        "leader-elect": False,
        # Autoscalers look every second and shrink at once, where Kubernetes has 15 s and five minutes: what keeps pods
        # from going then is what their objects say.
        "horizontal-pod-autoscaler-sync-period": "1s",
        "horizontal-pod-autoscaler-downscale-stabilization": "1s",
        "bind-address": "127.0.0.1",
        "cert-dir": pki / "kube-controller-manager",
        "profiling": False,
    }
    return Daemon("kube-controller-manager", (*plan.programs["kube-controller-manager"], *_words(flags)))


def scheduler(plan: Plan, layout: Layout) -> Daemon:
    """The scheduler."""
    flags: dict[str, object] = {
        "kubeconfig": layout.kubeconfig_of("kube-scheduler"),
        "leader-elect": False,
        "bind-address": "127.0.0.1",
        "cert-dir": layout.pki / "kube-scheduler",
        "profiling": False,
    }
    return Daemon("kube-scheduler", (*plan.programs["kube-scheduler"], *_words(flags)))


def _words(flags: dict[str, object]) -> list[str]:
    return [f"--{name}={_text(value)}" for name, value in flags.items()]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
