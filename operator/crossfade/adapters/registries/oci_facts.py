"""What an OCI artifact tells of its model: where it comes from, who made it, what it is called, under which licences.

Nothing here can fail: what is not as expected is left out.
"""

from typing import Any

from crossfade.adapters.address import shown_or_none
from crossfade.api.v1alpha1.facts import Facts, Lineage, Provenance, Tags
from crossfade.model.loose import member, moment, text

Json = dict[str, Any]
_IMAGE = "org.opencontainers.image."
_DESCRIBED = ("family", "name", "version", "title", "description")
_BUILT = ("architecture", "format", "paramSize", "precision", "quantization")


def facts(manifest: Json, config: Json) -> Facts:
    """Of the manifest's annotations, and of a ModelPack's or ModelKit's config, which says more and goes first."""
    notes = _texts(manifest.get("annotations"))
    described, package = member(config, "descriptor"), member(config, "package")
    values = {
        **notes,
        **_texts(member(config, "config"), _BUILT),
        **_texts(package, ("name", "version", "description")),
        **_texts(member(config, "model"), ("framework",)),
        **_texts(described, _DESCRIBED),
    }
    if licenses := _joined(described.get("licenses") or package.get("license")):
        values["licenses"] = licenses
    return Facts(
        lineage=_lineage(
            text(described.get("revision")) or notes.get(f"{_IMAGE}revision"),
            text(described.get("sourceURL")) or notes.get(f"{_IMAGE}source"),
        ),
        provenance=_provenance(
            _joined(described.get("authors") or package.get("authors")) or notes.get(f"{_IMAGE}authors"),
            text(described.get("vendor")) or notes.get(f"{_IMAGE}vendor"),
            moment(described.get("createdAt")) or moment(notes.get(f"{_IMAGE}created")),
        ),
        tags=Tags(origin="Registry", values=values) if values else None,
    )


def _lineage(commit: str | None, repository: str | None) -> Lineage | None:
    if not commit and not repository:
        return None
    place = shown_or_none(repository) if repository else None
    return Lineage(origin="Registry", git_commit=commit, git_repository=place)


def _provenance(authors: str | None, vendor: str | None, made: str | None) -> Provenance | None:
    """By its authors, else by who gives it out."""
    who = authors or vendor
    return Provenance(origin="Registry", created_by=who, created_at=made) if who or made else None


def _joined(told: object) -> str:
    listed = told if isinstance(told, list) else [told]
    return ", ".join(one for one in listed if isinstance(one, str))


def _texts(holder: object, names: tuple[str, ...] | None = None) -> dict[str, str]:
    """The members that are texts; those of these names alone, where any are given."""
    pairs = holder.items() if isinstance(holder, dict) else ()
    return {name: value for name, value in pairs if text(value) and (not names or name in names)}
