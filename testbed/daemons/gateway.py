"""Traefik as the implementation of the Gateway API."""

from testbed import address
from testbed.daemons.daemon import Daemon
from testbed.layout import Layout, Plan

METRICS = f"{address.HOST}:{address.GATEWAY_METRICS_PORT}"
READY = f"http://{METRICS}/ping"


def traefik(plan: Plan, layout: Layout) -> Daemon:
    """Traefik, which serves Gateways on port 80 and its own metrics on another.

    The provider's throttle is 10 ms because its default of 2 s delays every change of weights. Connections to pods are
    not kept: after a model raises, MLServer (uvicorn) closes its connection without saying so, and an innocent request
    sent on it meanwhile ends in a 502 (docs/gateways.md has the figures).
    """
    flags = (
        f"--entrypoints.web.address={address.HOST}:{address.GATEWAY_PORT}",
        f"--entrypoints.metrics.address={METRICS}",
        "--providers.kubernetesgateway=true",
        f"--providers.kubernetesgateway.statusaddress.ip={address.HOST}",
        "--providers.providersthrottleduration=10ms",
        "--serverstransport.maxidleconnsperhost=-1",
        "--metrics.prometheus=true",
        "--metrics.prometheus.entrypoint=metrics",
        "--metrics.prometheus.addserviceslabels=true",
        "--metrics.prometheus.buckets=0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10",
        "--ping=true",
        "--ping.entrypoint=metrics",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.level=INFO",
    )
    environment = {"KUBECONFIG": str(layout.kubeconfig_of("traefik"))}
    return Daemon("traefik", (*plan.programs["traefik"], *flags), environment)
