"""Reads the bytes of what may be one or more pickles while they stream, for what they would import.

joblib has the bytes of arrays among the opcodes. They are passed over as joblib does, and read as opcodes as well, as
`pickle.load` would do: what either of them would import counts.
"""

import math
import re
from collections.abc import Callable
from typing import Final

from crossfade.observe.formats.findings import UNTOLD, Findings
from crossfade.observe.formats.machine import Machine
from crossfade.observe.formats.stream import BrokenError, Budget, Pull, SpentError, Stream
from crossfade.observe.formats.values import OTHER, Keyed, Made

_STOP: Final = ord(".")
_BUILD: Final = ord("b")
_TORCH_MAGIC: Final = 0x1950A86A20F9469CFC6C
_TORCH_PICKLES: Final = 5
"""What torch.save wrote before it wrote zips: so many pickles, the first a number, and then the tensors' bytes."""
_MOST_BRANCHES: Final = 64
_KIND: Final = re.compile(r"[<>|=]?([?biufcmMSUVO])(\d{0,9})")


class Pickles:
    """The pickles that begin with the first byte that is fed."""

    def __init__(self, budget: Budget) -> None:
        self.findings = Findings()
        self.torch = False
        self.joblib = False
        self._budget = budget
        self._begins = b""
        stream = Stream()
        self._lines = [_Line(stream, self._all(Machine(stream, budget, self.findings)), self.findings)]
        self._begun: list[tuple[_Line, bytes]] = []

    @property
    def headed(self) -> bool:
        """Whether the first bytes are those of a pickle of protocol 2 or later."""
        return len(self._begins) == 2 and self._begins[0] == 0x80 and self._begins[1] <= 5

    @property
    def over(self) -> bool:
        """Whether more bytes can change nothing."""
        return not self._lines

    def feed(self, piece: bytes) -> None:
        """The next bytes."""
        if len(self._begins) < 2:
            self._begins += piece[: 2 - len(self._begins)]
        todo, self._lines = [(line, piece) for line in self._lines], []
        while todo:
            line, part = todo.pop()
            if line.feed(part):
                self._lines.append(line)
            else:
                self._ended(line)
            todo, self._begun = todo + self._begun, []

    def finish(self) -> None:
        """No more will come."""
        while self._lines:
            line = self._lines.pop()
            line.stream.ended = True
            line.feed(b"")
            self._ended(line)
            begun, self._begun = self._begun, []
            for other, part in begun:
                other.feed(part)
                self._lines.append(other)

    def _ended(self, line: "_Line") -> None:
        """What a reading beside the first one found counts when it came to an import, a call or an end: bytes of
        numbers do not."""
        found = line.findings
        if found is self.findings:
            return
        if found.called or found.finished or any(name != UNTOLD for name in found.unknown):
            self.findings.add(found)
        if line.spent is not None:
            self.findings.problem = line.spent

    def _all(self, machine: Machine) -> Pull[None]:
        """One pickle after the other, up to the last byte."""
        stream, count = machine.stream, 0
        while True:
            value = yield from self._one(machine)
            count += 1
            self.torch |= count == 1 and value == _TORCH_MAGIC
            if (self.torch and count == _TORCH_PICKLES) or not (yield from stream.more()):
                self.findings.finished = True
                return
            machine = Machine(stream, self._budget, self.findings)

    def _one(self, machine: Machine) -> Pull[object]:
        """To STOP; returns what it leaves, as far as that is known."""
        while True:
            code = yield from machine.step()
            if code == _STOP:
                return machine.stack[-1]
            if code == _BUILD and (wrapper := machine.array()) is not None:
                self.joblib = True
                yield from self._array(machine, wrapper)

    def _array(self, machine: Machine, wrapper: Made) -> Pull[None]:
        """The array's bytes, behind the wrapper: a pickle of its own where it holds objects."""
        state = wrapper.state.items if isinstance(wrapper.state, Keyed) else {}
        size = _item_bytes(state.get("dtype"))
        self._branch(machine, machine.like, doubtful=size is None)
        if size is None:
            yield from self._one(Machine(machine.stream, self._budget, machine.findings))
        else:
            self._branch(machine, lambda stream, found: Machine(stream, self._budget, found))
            shape, aligned = state.get("shape"), state.get("numpy_array_alignment_bytes")
            if not isinstance(shape, tuple) or not all(isinstance(one, int) and 0 <= one < 1 << 63 for one in shape):
                raise BrokenError("has an array of joblib's whose shape cannot be followed")
            if aligned is not None:
                padding = yield from machine.stream.take(1)
                yield from machine.stream.skip(padding[0])
            yield from machine.stream.skip(math.prod(shape) * size)
        machine.stack[-1] = OTHER

    def _branch(self, machine: Machine, make: Callable[[Stream, Findings], Machine], *, doubtful: bool = False) -> None:
        """Read the next bytes as opcodes, too."""
        stream, found = Stream(), Findings(doubtful=doubtful)
        line = _Line(stream, self._only(make(stream, found)), found)
        if len(self._lines) + len(self._begun) >= _MOST_BRANCHES:
            raise BrokenError(f"can be read in more than {_MOST_BRANCHES} ways")
        stream.ended = machine.stream.ended
        self._begun.append((line, machine.stream.piece[machine.stream.at :]))

    def _only(self, machine: Machine) -> Pull[None]:
        yield from self._one(machine)
        machine.findings.finished = True


class _Line:
    """One reading of the bytes: a generator that takes them from a stream."""

    def __init__(self, stream: Stream, reading: Pull[None], findings: Findings) -> None:
        self.stream, self.findings = stream, findings
        self.spent: str | None = None
        self._reading = reading

    def feed(self, piece: bytes) -> bool:
        """The next bytes. Returns whether more are wanted."""
        self.stream.give(piece)
        try:
            next(self._reading)
        except StopIteration:
            return False
        except BrokenError as failure:
            self.findings.problem = str(failure)
            self.spent = str(failure) if isinstance(failure, SpentError) else None
            return False
        return True


def _item_bytes(kind: object) -> int | None:
    """Bytes of one item of an array; None when it holds objects. Raises BrokenError when that cannot be followed."""
    said = kind.arguments[0] if isinstance(kind, Made) and kind.arguments else None
    found = _KIND.fullmatch(said) if isinstance(said, str) else None
    if found is None or not isinstance(kind, Made):
        raise BrokenError("has an array of joblib's whose items cannot be followed")
    letter, digits = found.groups()
    if letter == "O":
        return None
    if letter not in "SUV":
        return int(digits or 1)
    state = kind.state
    if not isinstance(state, tuple) or len(state) < 8 or not isinstance(state[5], int) or not 0 <= state[5] < 1 << 31:
        raise BrokenError("has an array of joblib's whose items cannot be followed")
    flags = state[7]
    if not isinstance(flags, int):
        raise BrokenError("has an array of joblib's whose items cannot be followed")
    return None if flags & 1 else state[5]
