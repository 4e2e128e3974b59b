"""Run by the Python of testbed/envs/wandb.txt: what W&B's own client makes of an artifact, told as JSON.

Its argument is JSON too: `address`, `key`, `name` as people write it, and `folder`, where files go; with `saves`, which
has `alias`, `takes` and `metadata`, it gives that alias first, takes the other one away, and adds to the metadata.
With `gives` it gives the artifact this alias, and tells all of its collection.
"""

import base64
import json
import sys
from typing import Any

import wandb  # type: ignore[import-not-found]  # it is in an environment of its own


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """The version, and the files with their sizes and MD5; where it comes from; or the error's text."""
    try:
        api = wandb.Api(overrides={"base_url": asked["address"]}, api_key=asked["key"])
        artifact = api.artifact(asked["name"])
        if alias := asked.get("gives"):
            artifact.aliases.append(alias)
            artifact.save()
            return {"aliases": api.artifact_collection("model", asked["name"].partition(":")[0]).aliases}
        if saves := asked.get("saves"):
            artifact.aliases.append(saves["alias"])
            artifact.aliases.remove(saves["takes"])
            artifact.metadata.update(saves["metadata"])
            artifact.save()
            artifact = api.artifact(asked["name"])
        artifact.download(root=asked["folder"], skip_cache=True)
    except Exception as failure:
        return {"error": f"{type(failure).__name__}: {failure}"}
    files = {
        path: [entry.size, base64.b64decode(entry.digest).hex()] for path, entry in artifact.manifest.entries.items()
    }
    run = artifact.logged_by()
    return {
        "version": artifact.version,
        "id": artifact.id,
        "digest": artifact.digest,
        "aliases": artifact.aliases,
        "metadata": artifact.metadata,
        "files": files,
        "run": "/".join(run.path) if run else None,
        "commit": run.commit if run else None,
        "createdAt": artifact.created_at,
        "config": run.config if run else None,
        "usedBy": ["/".join(one.path) for one in artifact.used_by()],
        "manifestDigest": artifact.manifest.digest(),
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
