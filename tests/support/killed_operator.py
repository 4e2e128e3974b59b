"""The operator, which kills itself with SIGKILL at each write that it was not killed at before.

    python -m tests.support.killed_operator JOURNAL before|after

It is started again whenever it has died, so it dies once at every boundary between two writes, just before the request
is sent or just after it was answered. Each life is a process of its own, forked from one that has done nothing but
import the operator, which spares a second of processor time for each. JOURNAL is a file that names the writes at which
it has died, one a line.
"""

import importlib
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from crossfade import __main__ as command
from crossfade.adapters import kube

_READ = "GET"
_TERM = {signal.SIGTERM}
_HEAVY = (
    "crossfade.cli.commands",
    "crossfade.watch.operator",
    "crossfade.adapters.artifacts.router",
    "crossfade.adapters.registries.mlflow",
)
"""What the operator imports when it runs."""


def boundary(method: str, path: str, body: dict[str, Any], route: dict[str, Any] | None) -> str:
    """What a write is, without what differs from try to try: counts, times and generated names.

    `route` is what is stored when a route is to be written: the way back to a split is not the way to it.
    """
    resource = path.partition("/namespaces/")[2].partition("/")[2]
    if resource.startswith("httproutes/"):
        return f"route {_shares(route)} -> {_shares(body)}"
    if resource.endswith("/status"):
        return f"{resource} {_standing(body['status'])}"
    if resource == "events":
        return f"event {body['reason']} {body['note'].split()[0]}"
    return f"{method} {resource} {body.get('metadata', {}).get('finalizers', '')}".rstrip()


def _shares(route: dict[str, Any] | None) -> str:
    return "/".join(str(one["weight"]) for one in route["spec"]["rules"][0]["backendRefs"]) if route else "none"


def _standing(status: dict[str, Any]) -> str:
    ready = next(one for one in status["conditions"] if one["type"] == "Ready")
    stage = status.get("stage", {})
    marks = [mark for mark in ("acknowledgedAt", "provenAt") if mark in stage]
    return " ".join(
        [ready["reason"], status.get("outcome", {}).get("cause", ""), stage.get("name", ""), *marks]
    ).strip()


def make_mortal(journal: Path, moment: str) -> type[kube.KubeCluster]:
    """The adapter with a death in it, `before` or `after` a write."""
    survived = set(journal.read_text().splitlines()) if journal.exists() else set()

    class MortalCluster(kube.KubeCluster):
        async def request(self, method: str, path: str, body: Any = None, *rest: Any, **more: Any) -> Any:
            name = "" if method == _READ else boundary(method, path, body or {}, await self._route(path))
            if name in survived or not name:
                return await super().request(method, path, body, *rest, **more)
            if moment == "after":
                await super().request(method, path, body, *rest, **more)
            with journal.open("a") as lines:
                lines.write(f"{name}\n")
            os.kill(os.getpid(), signal.SIGKILL)

        async def _route(self, path: str) -> dict[str, Any] | None:
            """The stored route that a write to `path` would replace."""
            collection, _, name = path.rpartition("/")
            if not collection.endswith("/httproutes"):
                return None
            found = await super().request(_READ, collection, query={"fieldSelector": f"metadata.name={name}"})
            return next(iter(found["items"]), None)

    return MortalCluster


def live(journal: Path, moment: str) -> None:
    """One life, in a process of its own. Never returns."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TERM)
    kube.KubeCluster = make_mortal(journal, moment)  # type: ignore[misc]
    sys.argv = ["crossfade", "run"]
    try:
        command.main()
    finally:
        os._exit(1)


def main() -> int:
    """Live until SIGTERM; 1 when a life ended by anything but its own SIGKILL."""
    _, journal, moment = sys.argv
    for module in _HEAVY:
        importlib.import_module(module)
    while True:
        signal.pthread_sigmask(signal.SIG_BLOCK, _TERM)  # so that it ends this life, and not one that is over
        child = os.fork()
        if child == 0:
            live(Path(journal), moment)
        signal.signal(signal.SIGTERM, lambda *_, child=child: _end(child))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TERM)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
            return 1


def _end(child: int) -> None:
    with suppress(ProcessLookupError):  # it has just died by itself
        os.kill(child, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
