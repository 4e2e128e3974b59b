"""What a model is found to be when all its bytes are read once."""

from dataclasses import dataclass

from crossfade.api.v1alpha1.facts import Facts


@dataclass(frozen=True, slots=True)
class Reading:
    """The mvd1 digest, how many files there are, their size together in bytes, what the files say of the model, and the
    digest of those that are no packaging, None where all are."""

    digest: str
    files: int
    size_bytes: int
    facts: Facts
    weights: str | None = None
