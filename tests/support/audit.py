"""The API server's own record of who wrote what, in the order in which it was done."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

ADMINISTRATOR = "admin"
_CREDENTIAL = "authentication.kubernetes.io/credential-id"


@dataclass(frozen=True)
class Write:
    """One write request, received `at` and answered when `done` (unix s): `resource` such as `rollouts/status`, `code`
    as the answer's."""

    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    code: int
    at: float
    done: float
    credential: str
    """Which of the user's tokens it was, and so which process."""


def writes(audit: Path, user: str, namespace: str | None = None) -> list[Write]:
    """All writes by a user, in one namespace or in all, oldest first."""
    found = (_write(json.loads(line)) for line in audit.read_text().splitlines())
    return [one for one in found if one.user == user and namespace in (None, one.namespace)]


def _write(entry: dict[str, Any]) -> Write:
    about = entry.get("objectRef", {})
    parts = (about.get("resource", ""), about.get("subresource", ""))
    return Write(
        user=entry["user"]["username"],
        verb=str(entry["verb"]),
        resource="/".join(part for part in parts if part),
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        code=int(entry.get("responseStatus", {}).get("code", 0)),
        at=datetime.fromisoformat(entry["requestReceivedTimestamp"]).timestamp(),
        done=datetime.fromisoformat(entry["stageTimestamp"]).timestamp(),
        credential=entry["user"].get("extra", {}).get(_CREDENTIAL, [""])[0],
    )
