"""Whether pods can be made of what a spec asks for, and would get requests: said before anything is made."""

from typing import Any

from crossfade.api.v1alpha1.pod import faults
from crossfade.api.v1alpha1.serving import Serving
from crossfade.decide.route_kinds import HTTP, RouteKind
from crossfade.decide.workloads import overlaid

_AT = "spec.serving.template"


def unfit(serving: Serving, kind: RouteKind = HTTP) -> str | None:
    """Why pods of this template could not be made or could never get a request, None when they can."""
    template = overlaid(serving, "", kind)
    if found := faults(template):
        whole = "" if serving.runtime == "custom" else ", with what the runtime brings,"
        return f"{_AT}{whole} must make a pod template: {'; '.join(found)}"
    model = template["spec"]["containers"][0]
    if not _listens(model, kind.port):
        return f"{_place(serving, model)} must have a TCP port named `{kind.port}`: requests are sent there"
    if serving.warmup is not None and not _listens(model, HTTP.port):
        return (
            f"{_place(serving, model)} must have a TCP port named `{HTTP.port}` as well: warm-up requests are sent"
            " there; or leave out `spec.serving.warmup`"
        )
    return next(filter(None, map(_lost_probe, template["spec"]["containers"])), None)


def _lost_probe(container: dict[str, Any]) -> str | None:
    """A probe of a port that the container has not got: it could never succeed."""
    known = [port["name"] for port in container.get("ports", ()) if "name" in port]
    for field in ("startupProbe", "readinessProbe"):
        port = container.get(field, {}).get("httpGet", {}).get("port")
        if isinstance(port, str) and port not in known:
            return (
                f"{_AT}.spec.containers, in its container {container['name']}, `{field}.httpGet.port` must be a number"
                f" or one of the names of its ports ({', '.join(known) or 'none'}), not `{port}`"
            )
    return None


def _listens(container: dict[str, Any], port: str) -> bool:
    ports = container.get("ports", ())
    return any(one.get("name") == port and one.get("protocol", "TCP") == "TCP" for one in ports)


def _place(serving: Serving, model: dict[str, Any]) -> str:
    at = f"{_AT}.spec.containers"
    return f"{at}[0].ports" if serving.runtime == "custom" else f"{at}, in its container {model['name']}, `ports`"
