"""What ORAS's own client reads and writes, in an environment of its own; what to do is JSON on standard input.

Of `repository` at `host` it tells all `tags`, or the manifests of these `references`; with `puts` it gives that tag to
a manifest of its own first.
"""

import json
import sys

from oras.oci import ManifestConfig, NewManifest
from oras.provider import Registry


def main() -> None:
    """Print what was found, as JSON."""
    told = json.load(sys.stdin)
    registry = Registry(told["host"], insecure=True)
    where = f"{told['host']}/{told['repository']}"
    if "references" not in told:
        print(json.dumps({"tags": registry.get_tags(where)}))
        return
    if "puts" in told:
        manifest = NewManifest() | {"config": ManifestConfig()[0]}
        registry.upload_manifest(manifest, registry.get_container(f"{where}:{told['puts']}")).raise_for_status()
    print(json.dumps({one: registry.get_manifest(f"{where}{one}") for one in told["references"]}))


main()
