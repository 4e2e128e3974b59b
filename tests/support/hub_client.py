"""Run by the Python of testbed/envs/hub.txt: what the Hub's own client makes of a model, told as JSON.

Its argument is JSON too: `endpoint`, `token`, `repo`, `revision`, `allow`, `ignore`, and `folder`, where files go; with
`tags` it gives the revision the first of these tags and takes the second away, and tells what all mean then.
"""

import json
import sys
from typing import Any

from huggingface_hub import HfApi  # type: ignore[import-not-found]  # it is in an environment of its own
from huggingface_hub.errors import HfHubHTTPError  # type: ignore[import-not-found]


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """The commit, and the files with their sizes and what the Hub says of their SHA-256; or the error's name."""
    api = HfApi(endpoint=asked["endpoint"], token=asked["token"] or False)
    repo, revision = asked["repo"], asked["revision"]
    try:
        if given := asked.get("tags"):
            api.create_tag(repo, tag=given[0], revision=revision)
            api.delete_tag(repo, tag=given[1])
            return {one.name: one.target_commit for one in api.list_repo_refs(repo).tags}
        list(api.list_models(limit=1))
        about = api.model_info(repo, revision=revision, securityStatus=True)
        if about.gated:
            api.auth_check(repo)
        entries = list(api.list_repo_tree(repo, recursive=True, revision=about.sha))
        api.snapshot_download(
            repo,
            revision=revision,
            local_dir=asked["folder"],
            allow_patterns=asked["allow"] or None,
            ignore_patterns=asked["ignore"] or None,
        )
    except HfHubHTTPError as failure:
        return {"error": type(failure).__name__, "status": failure.response.status_code}
    files = {one.path: [one.size, one.lfs.sha256 if one.lfs else ""] for one in entries if hasattr(one, "size")}
    return {"commit": about.sha, "files": files, "scan": about.security_repo_status}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
