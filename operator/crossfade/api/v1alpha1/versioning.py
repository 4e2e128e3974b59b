"""What a ModelVersion's number and names promise: what authors ask to be checked, and what was found."""

from typing import Literal

from crossfade.api.v1alpha1.common import ApiModel, Sentence
from crossfade.api.v1alpha1.facts import Line, Word

SemverPolicy = Literal["Warn", "Enforce"]
"""What becomes of a version that does not keep what its number promises, or of which that cannot be told."""
NamingPolicy = Literal["Any", "Convention"]
"""Which names are let in."""
SemverVerdict = Literal["First", "Kept", "Broken", "Unknown"]


class SemverStatus(ApiModel):
    """The version as it was judged; never changed afterwards, whatever comes or goes."""

    verdict: SemverVerdict
    """Whether the number promises no more than is kept: there was nothing to compare with; it does not; it does; it
    cannot be told."""
    compared_with: Line | None = None
    """The name of the ModelVersion that it was compared with."""
    compared_version: Word | None = None
    """The version of that."""
    least_version: Word | None = None
    """The least version that would be right, where this one is not, or may not be."""
    message: Sentence
    """Why, in one sentence."""
