"""Archives that are not valid: name: (bytes or a function that makes them, error, location)."""

import zipfile
import zlib

import numpy as np

from model.errors import BadArray, DuplicateMember, ShapeMismatch, TooLarge, UnknownMember, Unreadable
from tests.model_files import GOOD, SECRET_NUMBER, SECRET_TEXT, changed, members, npy, zipped
from tests.unit.model.artifact import zips

B2, B2_HEADER, SCALE = zips.entry_of("b2.npy"), zips.header_of("b2.npy"), zips.entry_of("scale.npy")
START = zips.entry_of("manifest.npy")  # of the directory
TEXT = SECRET_TEXT.encode()
MEAN = npy(np.full(3, SECRET_NUMBER))

UNKNOWN = [f"{SECRET_TEXT}.TXT", "../w1.npy", "/w1.npy", "w1.npy/", "w1.npy\n", "W1.npy", "w１.npy"]

# The valid file with these numbers at this offset: no valid archive.
PATCHES = {
    "an entry of another file": (B2, "<4s", b"PK\1\3"),
    "an entry without its header": (B2_HEADER, "<4s", b"PK\3\5"),
    "an entry that begins behind the end": (B2 + 42, "<L", 2**31),
    "an entry that begins in the directory": (B2 + 42, "<L", B2),
    "an entry that ends in the directory": (B2 + 20, "<2L", 400, 400),
    "an entry that begins where another does": (B2 + 42, "<L", zips.header_of("w2.npy")),
    "an entry that begins in zip64": (B2 + 42, "<L", 2**32 - 1),
    "an entry that swallows the rest": (SCALE + 32, "<H", 2**15),
    "an entry that swallows the next": (zips.entry_of("b1.npy") + 32, "<H", 52),
    "a checksum that differs": (B2 + 16, "<L", 7),
    "a header of another checksum": (B2_HEADER + 14, "<L", 7),
    "a header of another method": (B2_HEADER + 8, "<H", 8),
    "a header of another size": (B2_HEADER + 22, "<L", 7),
    "a header of other flags": (B2_HEADER + 6, "<H", 8),
    "a header of a longer name": (B2_HEADER + 26, "<2H", 7, 0),
    "a stored array of two sizes": (B2 + 20, "<L", 100),
    "a last entry left out": (-14, "<2H", 6, 6),
    "an entry too many": (-14, "<2H", 8, 8),
    "two counts of entries": (-14, "<H", 6),
    "one of two disks": (-18, "<H", 1),
    "a directory that begins elsewhere": (-6, "<L", zips.entry_of("mean.npy")),
    "a directory of another length": (-10, "<L", 2**32 - 1),
}
INVALID = {
    "nothing": b"",
    "no zip": TEXT * 100,
    "a lone array": MEAN,
    "cut short": GOOD[:-30],
    "cut in half": GOOD[: len(GOOD) // 2],
    "its beginning lost": GOOD[500:],
    "a directory cut short": GOOD[: GOOD.index(b"PK\x01\x02") + 60] + GOOD[-22:],
    "a directory entry for another array": GOOD.replace(b"w2.npy", b"w1.npy", 1),
    "an entry whose size is in zip64": zips.in_zip64(),
    "an array behind what swallows it": zips.quoted(),
    "a stream without what follows it": zips.patched_twice("b2.npy", 6, "<H", 8),
    "bytes before the archive": TEXT + GOOD,
    "bytes behind the archive": GOOD + b"\0",
    "two archives": GOOD + GOOD,
    "a program before the archive": zipped(members().items(), before=b"#!/bin/sh\n"),
    "a comment": zips.patched(-2, "<H", 10) + TEXT,
    "bytes between the arrays and the directory": zips.patched(
        -6, "<L", START + 9, data=GOOD[:START] + b"tattletal" + GOOD[START:]
    ),
    "an end in zip64": zips.ended_in_zip64(),
}
DAMAGED = {
    "no deflate": (b"\xff" * 50, MEAN),
    "a deflate that is cut": (zips.packed(MEAN)[:-4], MEAN),
    "a deflate that never ends": (zips.packed(MEAN, zlib.Z_SYNC_FLUSH), MEAN),
    "bytes behind its deflate": (zips.packed(MEAN) + b"\0", MEAN),
    "more than its size": (zips.packed(MEAN + bytes(10**6)), MEAN),
    "less than its size": (zips.packed(MEAN[:-1]), MEAN),
    "other bytes than those of both checksums": (zips.packed(MEAN), MEAN + b"\0", len(MEAN)),
}
ZIPS = {
    **{f"a file named {name!a}": (changed({name: MEAN}), UnknownMember, "file") for name in UNKNOWN},
    **{name: (zips.patched(*patch), Unreadable, "file") for name, patch in PATCHES.items()},
    **{name: (data, Unreadable, "file") for name, data in INVALID.items()},
    **{f"a mean of {name}": (zips.deflated(*made), Unreadable, "mean") for name, made in DAMAGED.items()},
    **{f"an array under flag {bit}": (zips.patched(SCALE + 8, "<H", 1 << bit), BadArray, "scale") for bit in (0, 5, 6, 13)},
    "a byte of an array changed": (GOOD.replace(np.float64(0.8).tobytes(), np.float64(0.9).tobytes()), Unreadable, "w1"),
    "an unknown array": (changed({"extra.npy": MEAN}), UnknownMember, "extra"),
    "a known array without its ending": (changed({"w3": MEAN}), UnknownMember, "w3"),
    "a nul in a name": (changed({"w3.npyZ.npy": MEAN}).replace(b"npyZ", b"npy\0"), UnknownMember, "file"),
    "a name of 60,000 letters": (lambda: changed({"w" * 60_000: MEAN}), UnknownMember, "file"),
    "an array given twice": (zipped([*members().items(), ("w1.npy", MEAN)]), DuplicateMember, "w1"),
    "arrays packed by bzip2": (zipped(members().items(), zipfile.ZIP_BZIP2), BadArray, "manifest"),
    "arrays packed by lzma": (zipped(members().items(), zipfile.ZIP_LZMA), BadArray, "manifest"),
    "an array packed by no known method": (zips.patched(zips.entry_of("b1.npy") + 10, "<H", 97), BadArray, "b1"),
    "an array that promises 4 GB": (zips.patched(B2 + 24, "<L", 2**32 - 2), TooLarge, "file"),
    "2,002 members": (lambda: zips.crowd(2002), TooLarge, "file"),
    "50,000 members": (lambda: zips.crowd(50_000), TooLarge, "file"),
    "70,000 members, in zip64": (lambda: zips.crowd(70_000), TooLarge, "file"),
}


def bomb(name: str, size: int, stated: int | None = None) -> object:
    return lambda: zips.with_packed(zips.zeros(name, size, stated))


BOMBS = {
    "1 GB in 1 MB, as a mean": (bomb("mean", 2**30), TooLarge, "file"),
    "1 GB in 1 MB, as a manifest": (bomb("manifest", 2**30), TooLarge, "file"),
    "1 GB in 1 MB, in place of 24 bytes": (bomb("mean", 2**30, stated=24), Unreadable, "mean"),
    "1 GB in 1 MB, in place of a manifest": (bomb("manifest", 2**30, stated=872), Unreadable, "manifest"),
    "1 GB in 1 MB, in place of 10 MB": (bomb("w1", 2**30, stated=10 * 2**20), Unreadable, "w1"),
    "250 MB in 250 KB": (bomb("w1", 250 * 2**20), TooLarge, "file"),
    "15 MB in 15 KB, as a mean": (bomb("mean", 15 * 2**20), ShapeMismatch, "mean"),
    "15 MB in 15 KB, as a manifest": (bomb("manifest", 15 * 2**20), TooLarge, "manifest"),
    "17 layers of 1 MB in 17 KB": (lambda: zips.laid_out(zips.zeros(f"w{n}", 2**20) for n in range(1, 18)), TooLarge, "file"),
}
