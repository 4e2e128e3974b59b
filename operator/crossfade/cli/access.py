"""How a loader learns the way in to a registry: from its arguments what everybody may see, from files the rest."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crossfade.model.access import CA_FILE, CREDENTIALS, Access, Secrets, access_from, secret_keys, secrets_of
from crossfade.ports import SourceError


@dataclass(frozen=True, slots=True)
class WayIn:
    """`--access`, None for the operator's own, and the folder with the files that belong to it."""

    told: str | None
    folder: Path

    def read(self) -> Access | None:
        """The access as it is now: what is mounted follows its Secret. Raises SourceError, which repeats no value."""
        if self.told is None:
            return None
        try:
            told: Any = json.loads(self.told)
            access = access_from(told)
        except ValueError:
            raise SourceError("--access must be what the operator writes there", retry=False) from None
        if "secret" in told:
            access = replace(access, secrets=self._secrets(access, f"Secret {told['secret']}"))
        if "ca" in told:
            access = replace(access, ca=self._ca(f"ConfigMap {told['ca']}"))
        return access

    def _secrets(self, access: Access, what: str) -> Secrets:
        files = ((key, self.folder / CREDENTIALS / key) for key in secret_keys(access.system))
        try:
            return secrets_of({key: path.read_bytes() for key, path in files if path.is_file()}, access.system)
        except ValueError as failure:
            raise SourceError(f"{what}, which the ModelRegistry names, {failure}") from None

    def _ca(self, what: str) -> str:
        try:
            return (self.folder / CA_FILE).read_text("utf-8")
        except (OSError, ValueError):
            raise SourceError(f"{what}, which the ModelRegistry names, must have certificates in PEM") from None
