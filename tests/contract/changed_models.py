"""Registries in which a model is changed after it was resolved, by who may write there or holds the disk, and how."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossfade.adapters.hub_address import parsed

from tests.contract.conftest import MlflowBench
from tests.contract.oci_bench import MODELPACK, READER, Layer, with_passwords
from tests.contract.store_bench import clients, s3_bench
from tests.support.folders import tar
from tests.support.git_repositories import Repositories
from tests.support.git_repositories import serving as serving_git
from tests.support.hub import Hub
from tests.support.hub import serving as serving_hub
from tests.support.objects import MODEL
from tests.support.servers import free_port

Files = Mapping[str, bytes]
SERVED, OTHER = "model.json", "other.json"
TOKEN = "hf_canaryOfATenant"


def files(number: int) -> Files:
    """Of a version; each of them is a model that could serve."""
    return {
        SERVED: json.dumps({"name": MODEL, "version": f"{number}.0.0"}).encode(),
        OTHER: json.dumps({"name": MODEL, "version": f"{number}.9.9"}).encode(),
    }


def flip_a_byte(before: Files) -> Files:
    return {**before, SERVED: before[SERVED].replace(b".0.0", b".0.1")}


def add_a_file(before: Files) -> Files:
    return {**before, "added.json": b"{}"}


def rename_a_file(before: Files) -> Files:
    return {SERVED: before[SERVED], "renamed.json": before[OTHER]}


def swap_two_files(before: Files) -> Files:
    return {SERVED: before[OTHER], OTHER: before[SERVED]}


CHANGES: tuple[Callable[[Files], Files], ...] = (flip_a_byte, add_a_file, rename_a_file, swap_two_files)


@dataclass(frozen=True)
class Place:
    """A registry: what a ModelRegistry says of it, and its Secret. `keep` puts a version there and returns its source;
    `change` lets its immutable address lead to the second files in place of the first."""

    system: dict[str, Any]
    secret: dict[str, str]
    keep: Callable[[int], dict[str, Any]]
    change: Callable[[str, Files, Files], None]


@contextmanager
def in_a_bucket(folder: Path, address: str) -> Iterator[Place]:
    """S3."""
    with clients() as speaking, s3_bench(speaking, address) as s3:

        def keep(number: int) -> dict[str, Any]:
            for path, content in files(number).items():
                s3.put(f"team/{number}/{path}", content)
            return {"uri": {"uri": f"s3://models/team/{number}"}}

        def change(uri: str, before: Files, after: Files) -> None:
            key = uri.removeprefix("s3://models/")
            for path in before.keys() - after.keys():
                s3.do("s3", "delete_object", Bucket="models", Key=f"{key}/{path}")
            for path, content in after.items():
                s3.put(f"{key}/{path}", content)

        keys = dict(zip(("accessKeyId", "secretAccessKey"), s3.keys["reader"], strict=True))
        yield Place({"objectStore": {"uri": "s3://models/team", "endpoint": s3.url}}, keys, keep, change)


@contextmanager
def in_an_oci_registry(folder: Path, address: str) -> Iterator[Place]:
    """Debian's registry, with a layer that is an archive: as long as the manifest says, whatever is in it."""
    with with_passwords(folder, f"{address}:{free_port()}") as oci:

        def keep(number: int) -> dict[str, Any]:
            oci.modelpack(f"fraud:{number}", Layer(tar(files(number)), f"{MODELPACK}.weight.v1.tar", {}))
            return {"oci": {"reference": f"fraud:{number}"}}

        def change(uri: str, before: Files, after: Files) -> None:
            manifest = json.loads(oci.blob(uri.partition("@")[2]).read_bytes())
            layer = oci.blob(manifest["layers"][0]["digest"])
            assert layer.read_bytes() == tar(before)
            assert len(tar(before)) == len(tar(after))
            layer.write_bytes(tar(after))

        secret = dict(zip(("username", "password"), READER, strict=True))
        yield Place({"oci": {"address": oci.url}}, secret, keep, change)


@contextmanager
def in_dvc(folder: Path, address: str) -> Iterator[Place]:
    """A folder that DVC tracks; what DVC keeps is at a web server."""
    made = Repositories(folder / "bare", folder / "kept", dict((READER,)))
    made.create("m.git")

    def put(content: bytes, kind: str = "", md5: str = "") -> str:
        """Keep what has this MD5, its own if nothing else is said."""
        md5 = md5 or hashlib.md5(content).hexdigest() + kind
        file = made.kept / "files" / "md5" / md5[:2] / md5[2:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return md5

    def listed(model: Files) -> bytes:
        return json.dumps([{"md5": put(content), "relpath": path} for path, content in sorted(model.items())]).encode()

    def keep(number: int) -> dict[str, Any]:
        outs = f"outs:\n- md5: {put(listed(files(number)), '.dir')}\n  hash: md5\n  path: m{number}\n"
        config = f"['remote \"store\"']\n    url = {made.url}/kept\n[core]\n    remote = store\n"
        commit = made.commit("m.git", {f"m{number}.dvc": outs.encode(), ".dvc/config": config.encode()})
        return {"git": {"path": f"m{number}", "revision": commit}}

    def change(uri: str, before: Files, after: Files) -> None:
        if before.keys() != after.keys():
            put(listed(after), md5=hashlib.md5(listed(before)).hexdigest() + ".dir")
        else:
            for path, content in before.items():
                put(after[path], md5=hashlib.md5(content).hexdigest())

    with serving_git(made, address):
        secret = dict(zip(("username", "password"), READER, strict=True))
        yield Place({"git": {"address": f"{made.url}/m.git"}}, secret, keep, change)


@contextmanager
def on_the_hub(folder: Path, address: str) -> Iterator[Place]:
    """A Hub that gives another commit's files in the place of those of the commit that it is asked for."""
    hub = Hub(folder, tokens={TOKEN: "reader"})

    def keep(number: int) -> dict[str, Any]:
        repo = f"risk/m{number}"
        return {"huggingFace": {"repo": repo, "revision": hub.push(repo, files(number), (SERVED,))}}

    def change(uri: str, before: Files, after: Files) -> None:
        asked = parsed(uri)
        hub.git(asked.repo, "update-ref", "-d", "refs/heads/main")
        hub.instead[asked.commit] = hub.push(asked.repo, after, (SERVED,))

    with serving_hub(hub, address):
        yield Place({"huggingFace": {"address": hub.url}}, {"token": TOKEN}, keep, change)


@contextmanager
def in_mlflow(url: str) -> Iterator[Place]:
    """A server that asks nobody."""
    mlflow = MlflowBench(url)

    def keep(number: int) -> dict[str, Any]:
        name, version = mlflow.model(dict(files(number)))
        return {"mlflow": {"name": name, "version": version}}

    def change(uri: str, before: Files, after: Files) -> None:
        for path in before.keys() - after.keys():
            mlflow.remove(f"{uri}/{path}")
        for path, content in after.items():
            mlflow.put(f"{uri}/{path}", content)

    yield Place({"mlflow": {"address": url}}, {"token": TOKEN}, keep, change)


PLACES: Mapping[str, Callable[[Path, str], AbstractContextManager[Place]]] = {
    "DVC": in_dvc,
    "Hub": on_the_hub,
    "OCI": in_an_oci_registry,
    "S3": in_a_bucket,
}
