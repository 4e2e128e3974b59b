"""Archives as PyTorch writes them, laid out by hand, so that a test can put anything into them."""

import struct
import zlib

END64 = 56


def torch_zip(files: dict[str, bytes], *, listed: dict[str, bytes] | None = None, comment: bytes = b"") -> bytes:
    """As torch.save does by miniz: stored, with sizes behind each file, files on multiples of 64 bytes, and a directory
    for large archives even when this is none. `listed` puts other names into the directory."""
    out, directory = bytearray(), bytearray()
    names = list(listed or files)
    for (name, content), told in zip(files.items(), names, strict=True):
        place, encoded = len(out), name.encode()
        padding = -(place + 30 + len(encoded) + 4) % 64
        extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
        header = (0, 0x0808, 0, 0, 0)
        out += b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", *header, 0, 0, 0, len(encoded), len(extra)) + encoded + extra
        sizes = (zlib.crc32(content), len(content), len(content))
        out += content + b"PK\x07\x08" + struct.pack("<III", *sizes)
        shown = told.encode()
        numbers = (0, *header, *sizes, len(shown), 0, 0, 0, 0, 0, place)
        directory += b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", *numbers) + shown
    start, size, count = len(out), len(directory), len(files)
    out += directory
    record = len(out)
    out += b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, start)
    out += b"PK\x06\x07" + struct.pack("<IQI", 0, record, 1)
    return bytes(out) + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, size, start, len(comment)) + comment
