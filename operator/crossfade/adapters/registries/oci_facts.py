"""What an OCI artifact tells of its model: where it comes from, what it is called, under which licences.

Nothing here can fail: what is not as expected is left out.
"""

from typing import Any

from crossfade.adapters.address import shown
from crossfade.api.v1alpha1.facts import Facts, Lineage, Tags

Json = dict[str, Any]
_IMAGE = "org.opencontainers.image."
_DESCRIBED = ("family", "name", "version", "title", "description")
_BUILT = ("architecture", "format", "paramSize", "precision", "quantization")


def facts(manifest: Json, config: Json) -> Facts:
    """Of the manifest's annotations, and of a ModelPack's or ModelKit's config, which says more and goes first."""
    notes = _texts(manifest.get("annotations"))
    described, package = _member(config, "descriptor"), _member(config, "package")
    values = {
        **notes,
        **_texts(_member(config, "config"), _BUILT),
        **_texts(package, ("name", "version", "description")),
        **_texts(_member(config, "model"), ("framework",)),
        **_texts(described, _DESCRIBED),
    }
    if licenses := _licenses(described.get("licenses") or package.get("license")):
        values["licenses"] = licenses
    return Facts(
        lineage=_lineage(
            _text(described.get("revision")) or notes.get(f"{_IMAGE}revision"),
            _text(described.get("sourceURL")) or notes.get(f"{_IMAGE}source"),
        ),
        tags=Tags(origin="Registry", values=values) if values else None,
    )


def _lineage(commit: str | None, repository: str | None) -> Lineage | None:
    if not commit and not repository:
        return None
    return Lineage(origin="Registry", git_commit=commit, git_repository=_shown(repository) if repository else None)


def _licenses(told: object) -> str:
    listed = told if isinstance(told, list) else [told]
    return ", ".join(one for one in listed if isinstance(one, str))


def _shown(address: str) -> str | None:
    try:
        return shown(address)
    except ValueError:
        return None


def _member(holder: Json, name: str) -> Json:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(holder: object, names: tuple[str, ...] | None = None) -> dict[str, str]:
    """The members that are texts; those of these names alone, where any are given."""
    pairs = holder.items() if isinstance(holder, dict) else ()
    return {name: text for name, text in pairs if isinstance(text, str) and text and (not names or name in names)}
