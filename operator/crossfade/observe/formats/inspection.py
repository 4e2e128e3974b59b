"""All files of a model, looked at while they are hashed."""

import logging
from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO, Final, Literal

from crossfade.api.v1alpha1.facts import Serialization, Signature
from crossfade.observe.formats.report import MOST_FILES, Report, Verdict
from crossfade.observe.formats.scan import Scan
from crossfade.observe.formats.stream import Budget

log = logging.getLogger(__name__)

FAULT: Final = "could not be looked at because of a fault in the operator; see its log"
_STEPS: Final = 10_000_000
"""Opcodes of all pickles of a model, and bytes of numbers in its ONNX files: some ten seconds. Few models have more
than a thousandth of it."""
_SAID: Final[dict[Verdict, Literal["None", "Known", "Unreadable", "Unsafe"]]] = {
    Verdict.SAFE: "None",
    Verdict.KNOWN: "Known",
    Verdict.UNREADABLE: "Unreadable",
    Verdict.UNSAFE: "Unsafe",
}
_MOST_NAMED: Final = 4
_LONGEST_NAMED: Final = 80


class Inspection:
    """What the files are, by what is written to those that `create` makes."""

    def __init__(self) -> None:
        self._budget = Budget(_STEPS)
        self._reports: dict[str, Report] = {}
        self._alike: dict[tuple[frozenset[str], Verdict], Report] = {}
        self._signatures: dict[str, Signature | None] = {}
        self._told = 0

    def create(self, path: str, size: int, into: BinaryIO) -> BinaryIO:
        """See verify.Look."""
        return _Seen(self, path, Scan(path, size, self._budget), into)

    def note(self, path: str, report: Report) -> None:
        """The file is written. Of very many suspects the first are told, and the others count."""
        if not report.formats and report.verdict is Verdict.SAFE:
            return
        if "ONNX" in report.formats:
            room = len(self._signatures) < MOST_FILES
            self._signatures[path if room else ""] = report.signature if room else None
        told = bool(report.suspects or report.unreadable)
        if told and self._told < MOST_FILES:
            self._told += 1
            self._reports[path] = report
        else:
            kind = (frozenset(report.formats), report.verdict)
            self._reports[path] = self._alike.setdefault(kind, Report(set(kind[0]), kind[1]))

    def remove(self, path: str) -> None:
        """See verify.Look."""
        self._reports.pop(path, None)
        self._signatures.pop(path, None)

    def result(self) -> Serialization:
        """Of all files that were written."""
        whole = Report()
        for path in sorted(self._reports):
            whole.add(self._reports[path])
        said = dict(whole.unreadable) | {path: _imports(names) for path, names in whole.suspects.items()}
        return Serialization(
            origin="Artifact",
            formats=sorted(whole.formats),
            pickle=_SAID[whole.verdict],
            imports=sorted({name for names in whole.suspects.values() for name in names}),
            suspects=said,
        )

    def signature(self) -> Signature | None:
        """What goes into the model and comes out, where it is of one format that says so and all files say the same."""
        if {kind for report in self._reports.values() for kind in report.formats} != {"ONNX"}:
            return None
        first, *others = self._signatures.values() or (None,)
        return first if all(one == first for one in others) else None


class _Seen(BytesIO):
    """A file that is looked at while it is written; nothing stays here."""

    def __init__(self, inspection: Inspection, path: str, scan: Scan, into: BinaryIO) -> None:
        super().__init__()
        self._inspection, self._path, self._scan, self._into = inspection, path, scan, into
        self._failed = False

    def write(self, piece: bytes | memoryview) -> int:  # type: ignore[override]
        """Look at the next bytes."""
        self._look(lambda scan: scan.feed(bytes(piece)))
        return self._into.write(piece)

    def close(self) -> None:
        """Note what it is."""
        if not self.closed:
            self._look(Scan.finish)
            self._inspection.note(self._path, self._scan.report)
        self._into.close()
        super().close()

    def _look(self, step: Callable[[Scan], None]) -> None:
        """A fault of ours lets nothing pass, and keeps nobody from serving what needs no look."""
        if self._failed:
            return
        try:
            step(self._scan)
        except Exception:
            self._failed = True
            log.exception("the file %r could not be looked at", self._path)
            self._scan.report.tell(self._path, Verdict.UNREADABLE, FAULT)


def _imports(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"would import {', '.join(name[:_LONGEST_NAMED] for name in names[:_MOST_NAMED])}{more} when it is loaded"
