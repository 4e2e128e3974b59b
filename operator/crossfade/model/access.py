"""How a registry is reached: one frozen value, whose secrets no repr, message or record shows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

DOCKER_CONFIG = ".dockerconfigjson"
"""The key of Secrets of the type `kubernetes.io/dockerconfigjson`."""
GOOGLE_KEY = "serviceAccountKey"
"""The key of Secrets that has a Google Cloud service account's key, as the JSON file that Google gives out."""
_JSON = (DOCKER_CONFIG, GOOGLE_KEY)
_AWS = ("accessKeyId", "secretAccessKey")
WAYS_IN: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "azureML": (("tenantId", "clientId", "clientSecret"),),
    "git": (("token",), ("username", "password"), _AWS),
    "huggingFace": (("token",),),
    "mlflow": (("token",), ("username", "password")),
    "objectStore": (_AWS, (GOOGLE_KEY,), ("accountKey",), ("sasToken",)),
    "oci": ((DOCKER_CONFIG,), ("username", "password")),
    "sageMaker": (_AWS,),
    "vertexAI": ((GOOGLE_KEY,),),
    "wandb": (("apiKey",),),
}
"""The keys that are read of a Secret, by system: those of one way to be let in must be there together. No other key
leaves the Secret, but those of BESIDE."""
BESIDE: Mapping[str, tuple[str, ...]] = dict.fromkeys(("git", "objectStore", "sageMaker"), ("sessionToken",))
"""Keys that are read where they are there, by system."""
ACCESS_FOLDER = "/var/run/crossfade/registry"
"""Where a loader finds the files of its registry."""
CREDENTIALS = "credentials"
"""The folder of the secrets' files in there, one for each key."""
CA_FILE = "ca.crt"
"""The certificate authority's file, in the same folder."""


class Secrets(Mapping[str, str]):
    """Secret values by key. Compared and hashed by value, and never shown."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = dict(values or {})

    def __getitem__(self, key: str) -> str:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secrets) and self._values == other._values

    def __repr__(self) -> str:
        return f"<{len(self._values)} secrets>"

    def __reduce__(self) -> str:
        raise TypeError("secrets are not to be copied out of the process")


@dataclass(frozen=True, slots=True)
class Access:
    """A registry: which system, where, with what. `options` are pairs by name, such as MLflow's workspace; `secrets`
    are by the keys of the Secret; `ca` is PEM, empty for the authorities that everybody trusts.
    """

    system: str
    address: str
    options: tuple[tuple[str, str], ...] = ()
    secrets: Secrets = field(default_factory=Secrets)
    ca: str = field(default="", repr=False)

    def option(self, name: str) -> str | None:
        """The option of this name."""
        return dict(self.options).get(name)


def secret_keys(system: str) -> list[str]:
    """All keys that are read for this system."""
    return [*(key for way in WAYS_IN[system] for key in way), *BESIDE.get(system, ())]


def secrets_of(data: Mapping[str, bytes], system: str) -> Secrets:
    """Of a Secret's content what this system wants. Raises ValueError, which names keys and repeats no value."""
    found = Secrets({key: _text(data[key], key) for key in secret_keys(system) if key in data})
    if not any(all(found.get(key) for key in way) for way in WAYS_IN[system]):
        ways = (" and ".join(f"`{key}`" for key in way) for way in WAYS_IN[system])
        raise ValueError(f"must have {', or '.join(ways)}")
    return found


def _text(raw: bytes, key: str) -> str:
    """A value without the line break that files end with, and Secrets are made of files. JSON is written over many
    lines, whose breaks mean nothing."""
    text = raw.decode("utf-8", "replace").rstrip("\r\n")
    if key in _JSON:
        text = " ".join(text.split())
    if not text.isprintable() or "\ufffd" in text:
        raise ValueError(f"must have one line of text in UTF-8 in `{key}`")
    return text


def access_from(told: Any) -> Access:
    """What `--access` tells a loader: an object with `system`, `address` and, where there are any, `options`.
    Raises ValueError."""
    try:
        options = dict(told.get("options", {}))
        access = Access(told["system"], told["address"], tuple(sorted(options.items())))
    except (AttributeError, KeyError, TypeError):
        raise ValueError("must be an object with `system`, `address` and `options`") from None
    texts = (access.system, access.address, *options, *options.values())
    if access.system not in WAYS_IN or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"must have one of {', '.join(WAYS_IN)} as `system`, and texts in `address` and `options`")
    return access
