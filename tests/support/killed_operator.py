"""The operator, which kills itself with SIGKILL at each write that it was not killed at before.

    python -m tests.support.killed_operator JOURNAL before|after

Started again whenever it dies, it dies once at every boundary between two writes, just before the request is sent or
just after it was answered. JOURNAL is a file that names the writes at which it has died, one a line.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from crossfade import cli
from crossfade.adapters import kube

_READ = "GET"


def boundary(method: str, path: str, body: dict[str, Any]) -> str:
    """What a write is, without what differs from try to try: counts, times and generated names."""
    resource = path.partition("/namespaces/")[2].partition("/")[2]
    if resource.startswith("httproutes/"):
        return f"route {'/'.join(str(one['weight']) for one in body['spec']['rules'][0]['backendRefs'])}"
    if resource.endswith("/status"):
        return f"{resource} {_standing(body['status'])}"
    if resource == "events":
        return f"event {body['reason']}"
    return f"{method} {resource} {body.get('metadata', {}).get('finalizers', '')}".rstrip()


def _standing(status: dict[str, Any]) -> str:
    ready = next(one for one in status["conditions"] if one["type"] == "Ready")
    stage = status.get("stage", {})
    marks = [mark for mark in ("acknowledgedAt", "provenAt") if mark in stage]
    return " ".join([ready["reason"], stage.get("name", ""), *marks]).strip()


def make_mortal(journal: Path, moment: str) -> type[kube.KubeCluster]:
    """The adapter with a death in it, `before` or `after` a write."""
    survived = set(journal.read_text().splitlines()) if journal.exists() else set()

    class MortalCluster(kube.KubeCluster):
        async def request(self, method: str, path: str, body: Any = None, *rest: Any, **more: Any) -> Any:
            name = "" if method == _READ else boundary(method, path, body or {})
            if name in survived or not name:
                return await super().request(method, path, body, *rest, **more)
            if moment == "after":
                await super().request(method, path, body, *rest, **more)
            with journal.open("a") as lines:
                lines.write(f"{name}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    return MortalCluster


def main() -> None:
    """Run until the next death."""
    _, journal, moment = sys.argv
    kube.KubeCluster = make_mortal(Path(journal), moment)  # type: ignore[misc]
    sys.argv = ["crossfade", "run"]
    cli.main()


if __name__ == "__main__":
    main()
