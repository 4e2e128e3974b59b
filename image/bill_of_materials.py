"""Lists what an environment consists of as CycloneDX 1.6: `python image/bill_of_materials.py`, with its own Python.

Two builds of one state of the repository write the same bytes. Run while the image is built, so it needs nothing but
the standard library.
"""

import json
import sys
from importlib.metadata import Distribution, distributions
from typing import Any
from urllib.parse import quote

_PRODUCT = "crossfade"


def component(found: Distribution) -> dict[str, Any]:
    """One package as CycloneDX has it; its licence as the package words it."""
    name, version = found.metadata["Name"], found.version
    address = f"pkg:pypi/{quote(name.lower().replace('_', '-'))}@{quote(version, safe='.+-')}"
    told: dict[str, Any] = {"type": "library", "bom-ref": address, "name": name, "version": version, "purl": address}
    if "License-Expression" in found.metadata:
        told["licenses"] = [{"expression": found.metadata["License-Expression"]}]
    elif names := _licences(found):
        told["licenses"] = [{"license": {"name": name}} for name in names]
    return told


def _licences(found: Distribution) -> list[str]:
    """Of a package that does not say it as SPDX has it: in a word, or by its classifiers."""
    if "License" in found.metadata:
        return [found.metadata["License"].splitlines()[0]]
    classifiers = found.metadata.get_all("Classifier") or []
    return [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License ::")]


def bill(packages: list[Distribution]) -> dict[str, Any]:
    """The whole bill: the product, its packages by name, and that the product is made of them."""
    components = sorted(map(component, packages), key=lambda told: str(told["purl"]))
    product = next(told for told in components if told["name"] == _PRODUCT)
    rest = [told for told in components if told is not product]
    made_of = [{"ref": product["bom-ref"], "dependsOn": [told["bom-ref"] for told in rest]}]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": product | {"type": "application"}},
        "components": rest,
        "dependencies": made_of,
    }


if __name__ == "__main__":
    json.dump(bill(list(distributions())), sys.stdout, indent=1, sort_keys=True)
