"""Just enough of ZIP and NPY for the test model, without NumPy and without `zipfile` (whose import alone costs more).

Formats: APPNOTE.TXT 6.3 §4.3 (PKWARE), numpy.lib.format 1.0. Reads only the platform's own canonical input.
"""

import struct
import zlib

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
ZIP64_MARK, ZIP64_FIELD = 0xFFFFFFFF, 1
STORED, DEFLATED = 0, 8
# What a decompressed member may take: the test model's own memory limit is small.
MEMBER_BYTES_MAX = 64 * 2**20
END_SEARCH_BYTES = 65_557


class BadArchive(Exception):
    pass


def _zip64(extra, wanted):
    """The first `wanted` 64-bit values of the zip64 extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind == ZIP64_FIELD:
            return list(struct.unpack_from(f"<{wanted}Q", extra, at + 4))
        at += 4 + size
    raise BadArchive("no zip64 field")


def members(file):
    """{name: (method, compressed bytes, bytes, offset of the local header)} of an archive opened for reading."""
    size = file.seek(0, 2)
    file.seek(max(0, size - END_SEARCH_BYTES))
    tail = file.read()
    at = tail.rfind(END)
    if at < 0:
        raise BadArchive("no end record")
    count, _, start = struct.unpack_from("<HII", tail, at + 10)
    file.seek(start)
    found = {}
    for _ in range(count):
        fixed = file.read(46)
        if len(fixed) != 46 or not fixed.startswith(CENTRAL):
            raise BadArchive("no central header")
        method, packed, unpacked = fixed[10], *struct.unpack_from("<II", fixed, 20)
        name_size, extra_size, comment_size = struct.unpack_from("<HHH", fixed, 28)
        (offset,) = struct.unpack_from("<I", fixed, 42)
        name = file.read(name_size).decode("ascii", "replace")
        extra = file.read(extra_size)
        file.seek(comment_size, 1)
        sizes = [unpacked, packed, offset]
        if ZIP64_MARK in sizes:
            wide = iter(_zip64(extra, sizes.count(ZIP64_MARK)))
            unpacked, packed, offset = (next(wide) if value == ZIP64_MARK else value for value in sizes)
        found[name] = (method, packed, unpacked, offset)
    return found


def read_member(file, entry, bytes_max=MEMBER_BYTES_MAX):
    """The first `bytes_max` decompressed bytes of one member."""
    method, packed, _, offset = entry
    file.seek(offset)
    fixed = file.read(30)
    if not fixed.startswith(LOCAL):
        raise BadArchive("no local header")
    file.seek(sum(struct.unpack_from("<HH", fixed, 26)), 1)
    if method == STORED:
        return file.read(min(packed, bytes_max))
    if method != DEFLATED:
        raise BadArchive("unknown method")
    # Small parts: the compressed data of a large volume never lies in memory as a whole.
    inflate, parts, left = zlib.decompressobj(-15), [], bytes_max
    while left > 0 and not inflate.eof:
        chunk = inflate.unconsumed_tail or file.read(min(65_536, packed))
        if not chunk:
            break
        parts.append(inflate.decompress(chunk, left))
        left -= len(parts[-1])
    return b"".join(parts)


def npy_header(data):
    """(dtype, fortran order, shape, offset of the data)."""
    if data[:6] != b"\x93NUMPY":
        raise BadArchive("no npy")
    layout, start = ("<H", 10) if data[6] == 1 else ("<I", 12)
    (size,) = struct.unpack_from(layout, data, 8)
    text = data[start : start + size].decode("latin1")
    # The canonical header has exactly these three keys, so three searches replace a parser.
    dtype = text.split("'descr':")[1].split("'")[1]
    shape = text.split("'shape':")[1].split("(")[1].split(")")[0]
    order = text.split("'fortran_order':")[1].lstrip().startswith("True")
    return dtype, order, tuple(int(part) for part in shape.split(",") if part.strip()), start + size


def npy(dtype, fortran_order, shape):
    """The NPY 1.0 header, padded so that the data start at a multiple of 64."""
    text = repr({"descr": dtype, "fortran_order": fortran_order, "shape": shape})
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("latin1")


def write_archive(path, name, parts):
    """One deflated member made of the byte strings in `parts` (an iterable); below 4 GiB."""
    deflate, crc, packed, unpacked = zlib.compressobj(1, zlib.DEFLATED, -15), 0, 0, 0
    encoded = name.encode("ascii")
    fixed = 30 + len(encoded)
    with open(path, "wb") as file:
        file.seek(fixed)
        for part in parts:
            crc = zlib.crc32(part, crc)
            unpacked += len(part)
            packed += file.write(deflate.compress(part))
        packed += file.write(deflate.flush())
        common = struct.pack("<HHHHHIIIHH", 20, 0, DEFLATED, 0, 33, crc, packed, unpacked, len(encoded), 0)
        file.write(CENTRAL + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + encoded)
        file.write(END + struct.pack("<HHHHIIH", 0, 0, 1, 1, 46 + len(encoded), fixed + packed, 0))
        file.seek(0)
        file.write(LOCAL + common + encoded)
