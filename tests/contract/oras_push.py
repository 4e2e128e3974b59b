"""Pushes artifacts with ORAS's own client, in an environment of its own: what to push is JSON on standard input."""

import json
import os
import sys

from oras.provider import Registry


def main() -> None:
    """Push each of `pushes`: `files` as ORAS itself makes an artifact of them, a `manifest` of our own with the files
    of its blobs, or an `index`."""
    told = json.load(sys.stdin)
    registry = Registry(told["host"], insecure=True, auth_backend=told["backend"])
    registry.auth.set_basic_auth(told["user"], told["password"])
    for push in told["pushes"]:
        target = f"{told['host']}/{push['target']}"
        if "index" in push:
            repository, _, tag = push["target"].rpartition(":")
            url = f"http://{told['host']}/v2/{repository}/manifests/{tag}"
            headers = {"Content-Type": push["index"]["mediaType"]}
            registry.do_request(url, "PUT", data=json.dumps(push["index"]).encode(), headers=headers).raise_for_status()
            continue
        os.chdir(push["folder"])
        if "manifest" not in push:
            registry.push(target, files=push["files"], quiet=True).raise_for_status()
            continue
        container = registry.get_container(target)
        for path, descriptor in push["blobs"]:
            registry.upload_blob(path, container, descriptor).raise_for_status()
        registry.upload_manifest(push["manifest"], container).raise_for_status()


main()
