"""Archives that are not valid: name: (bytes or a function that makes them, error, location)."""

import zipfile
import zlib

import numpy as np

from model.errors import BadArray, DuplicateMember, ShapeMismatch, TooLarge, UnknownMember, Unreadable
from tests.model_files import GOOD, SECRET_NUMBER, SECRET_TEXT, changed, members, npy, zipped
from tests.unit.model.artifact import zips

B2, B2_HEADER = zips.entry_of("b2.npy"), zips.header_of("b2.npy")
MEAN = npy(np.full(3, SECRET_NUMBER))

ZIPS = {
    "nothing": (b"", Unreadable, "file"),
    "no zip": (SECRET_TEXT.encode() * 100, Unreadable, "file"),
    "a lone array": (MEAN, Unreadable, "file"),
    "cut short": (GOOD[:-30], Unreadable, "file"),
    "cut in half": (GOOD[: len(GOOD) // 2], Unreadable, "file"),
    "its beginning lost": (GOOD[500:], Unreadable, "file"),
    "a directory cut short": (GOOD[: GOOD.index(b"PK\x01\x02") + 60] + GOOD[-22:], Unreadable, "file"),
    "a byte of an array changed": (GOOD.replace(np.float64(0.8).tobytes(), np.float64(0.9).tobytes()), Unreadable, "w1"),
    "an unknown array": (changed({"extra.npy": MEAN}), UnknownMember, "extra"),
    "an unknown file": (changed({f"{SECRET_TEXT}.TXT": b"hello"}), UnknownMember, "file"),
    "a known array without its ending": (changed({"w3": MEAN}), UnknownMember, "w3"),
    "an array in a folder": (changed({"../w1.npy": MEAN}), UnknownMember, "file"),
    "an array at the root": (changed({"/w1.npy": MEAN}), UnknownMember, "file"),
    "a folder": (changed({"w1.npy/": b""}), UnknownMember, "file"),
    "a name with a newline": (changed({"w1.npy\n": MEAN}), UnknownMember, "file"),
    "a name in capitals": (changed({"W1.npy": MEAN}), UnknownMember, "file"),
    "a name in other digits": (changed({"w１.npy": MEAN}), UnknownMember, "file"),
    "a nul in a name": (changed({"w3.npyZ.npy": MEAN}).replace(b"npyZ", b"npy\0"), UnknownMember, "file"),
    "an array given twice": (zipped([*members().items(), ("w1.npy", MEAN)]), DuplicateMember, "w1"),
    "an encrypted array": (zips.patched(zips.entry_of("scale.npy") + 8, "<H", 1), BadArray, "scale"),
    "arrays packed by bzip2": (zipped(members().items(), zipfile.ZIP_BZIP2), BadArray, "manifest"),
    "arrays packed by lzma": (zipped(members().items(), zipfile.ZIP_LZMA), BadArray, "manifest"),
    "an array packed by no known method": (zips.patched(zips.entry_of("b1.npy") + 10, "<H", 97), BadArray, "b1"),
    "an array that promises 4 GB": (zips.patched(B2 + 24, "<L", 2**32 - 2), TooLarge, "file"),
    "a directory entry for another array": (GOOD.replace(b"w2.npy", b"w1.npy", 1), Unreadable, "file"),
    "an entry strongly encrypted": (zips.patched(zips.entry_of("scale.npy") + 8, "<H", 1 << 6), BadArray, "scale"),
    "an entry that is a patch": (zips.patched(zips.entry_of("scale.npy") + 8, "<H", 1 << 5), BadArray, "scale"),
    "an entry under a masked header": (zips.patched(zips.entry_of("scale.npy") + 8, "<H", 1 << 13), BadArray, "scale"),
    "an entry of another file": (zips.patched(B2, "<4s", b"PK\1\3"), Unreadable, "file"),
    "an entry without its header": (zips.patched(B2_HEADER, "<4s", b"PK\3\5"), Unreadable, "file"),
    "an entry that begins behind the end": (zips.patched(B2 + 42, "<L", 2**31), Unreadable, "file"),
    "an entry that begins in the directory": (
        zips.patched(B2 + 42, "<L", B2),
        Unreadable,
        "file",
    ),
    "an entry that ends in the directory": (zips.patched(B2 + 20, "<2L", 400, 400), Unreadable, "file"),
    "an entry that begins where another does": (zips.patched(B2 + 42, "<L", zips.header_of("w2.npy")), Unreadable, "file"),
    "an entry that begins in zip64": (zips.patched(B2 + 42, "<L", 2**32 - 1), Unreadable, "file"),
    "an entry whose size is in zip64": (zips.in_zip64(), Unreadable, "file"),
    "an entry that swallows the rest": (zips.patched(zips.entry_of("scale.npy") + 32, "<H", 2**15), Unreadable, "file"),
    "an entry that swallows the next": (zips.patched(zips.entry_of("b1.npy") + 32, "<H", 52), Unreadable, "file"),
    "an array behind what swallows it": (zips.quoted(), Unreadable, "file"),
    "a checksum that differs": (zips.patched(B2 + 16, "<L", 7), Unreadable, "file"),
    "checksums that are both another": (zips.deflated("mean", zips.packed(MEAN), MEAN + b"\0", len(MEAN)), Unreadable, "mean"),
    "a header of another checksum": (zips.patched(B2_HEADER + 14, "<L", 7), Unreadable, "file"),
    "a header of another method": (zips.patched(B2_HEADER + 8, "<H", 8), Unreadable, "file"),
    "a header of another size": (zips.patched(B2_HEADER + 22, "<L", 7), Unreadable, "file"),
    "a header of other flags": (zips.patched(B2_HEADER + 6, "<H", 8), Unreadable, "file"),
    "a header of a longer name": (zips.patched(B2_HEADER + 26, "<2H", 7, 0), Unreadable, "file"),
    "a stored array of two sizes": (zips.patched(B2 + 20, "<L", 100), Unreadable, "file"),
    "a stream without what follows it": (zips.patched_twice("b2.npy", 6, "<H", 8), Unreadable, "file"),
    "a last entry left out": (zips.patched(-14, "<2H", 6, 6), Unreadable, "file"),
    "an entry too many": (zips.patched(-14, "<2H", 8, 8), Unreadable, "file"),
    "two counts of entries": (zips.patched(-14, "<H", 6), Unreadable, "file"),
    "one of two disks": (zips.patched(-18, "<H", 1), Unreadable, "file"),
    "a directory that begins elsewhere": (zips.patched(-6, "<L", zips.entry_of("mean.npy")), Unreadable, "file"),
    "a directory of another length": (zips.patched(-10, "<L", 2**32 - 1), Unreadable, "file"),
    "bytes before the archive": (SECRET_TEXT.encode() + GOOD, Unreadable, "file"),
    "bytes behind the archive": (GOOD + b"\0", Unreadable, "file"),
    "two archives": (GOOD + GOOD, Unreadable, "file"),
    "a program before the archive": (zips.behind(b"#!/bin/sh\n"), Unreadable, "file"),
    "a comment": (zips.patched(-2, "<H", 10) + SECRET_TEXT.encode(), Unreadable, "file"),
    "bytes between the arrays and the directory": (zips.apart(SECRET_TEXT.encode()), Unreadable, "file"),
    "an end in zip64": (zips.ended_in_zip64(), Unreadable, "file"),
    "an array that is no deflate": (zips.deflated("mean", b"\xff" * 50, MEAN), Unreadable, "mean"),
    "an array whose deflate is cut": (zips.deflated("mean", zips.packed(MEAN)[:-4], MEAN), Unreadable, "mean"),
    "a deflate that never ends": (
        zips.deflated("mean", zips.packed(MEAN, zlib.Z_SYNC_FLUSH), MEAN),
        Unreadable,
        "mean",
    ),
    "an array with bytes behind its deflate": (zips.deflated("mean", zips.packed(MEAN) + b"\0", MEAN), Unreadable, "mean"),
    "an array that swells over its size": (zips.deflated("mean", zips.packed(MEAN + bytes(10**6)), MEAN), Unreadable, "mean"),
    "an array that does not swell to its size": (zips.deflated("mean", zips.packed(MEAN[:-1]), MEAN), Unreadable, "mean"),
    "2,002 members": (lambda: zips.crowd(2002), TooLarge, "file"),
    "50,000 members": (lambda: zips.crowd(50_000), TooLarge, "file"),
    "70,000 members, in zip64": (lambda: zips.crowd(70_000), TooLarge, "file"),
    "a name of 60,000 letters": (lambda: changed({"w" * 60_000: MEAN}), UnknownMember, "file"),
}

BOMBS = {
    "1 GB in 1 MB, as a mean": (lambda: zips.bomb("mean", 2**30), TooLarge, "file"),
    "1 GB in 1 MB, as a manifest": (lambda: zips.bomb("manifest", 2**30), TooLarge, "file"),
    "1 GB in 1 MB, in place of 24 bytes": (lambda: zips.bomb("mean", 2**30, stated=24), Unreadable, "mean"),
    "1 GB in 1 MB, in place of a manifest": (
        lambda: zips.bomb("manifest", 2**30, stated=872),
        Unreadable,
        "manifest",
    ),
    "1 GB in 1 MB, in place of 10 MB": (
        lambda: zips.bomb("w1", 2**30, stated=10 * 2**20),
        Unreadable,
        "w1",
    ),
    "250 MB in 250 KB": (lambda: zips.bomb("w1", 250 * 2**20), TooLarge, "file"),
    "15 MB in 15 KB, as a mean": (lambda: zips.bomb("mean", 15 * 2**20), ShapeMismatch, "mean"),
    "15 MB in 15 KB, as a manifest": (lambda: zips.bomb("manifest", 15 * 2**20), TooLarge, "manifest"),
    "17 layers of 1 MB in 17 KB": (lambda: zips.laid_out(zips.zeros(f"w{n}", 2**20) for n in range(1, 18)), TooLarge, "file"),
}
