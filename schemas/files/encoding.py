"""The encoding of a text file, by its first bytes: by a byte order mark, or by the zero bytes of UTF-16 without one."""

import codecs

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
DEFAULT = "utf-8-sig"
SAMPLE = 64


def recognise(beginning: bytes) -> str:
    """The name of the encoding for Python, with the mark removed where there is one."""
    for mark, encoding in _MARKS.items():
        if beginning.startswith(mark):
            return encoding
    even, odd = beginning[:SAMPLE:2], beginning[1:SAMPLE:2]
    for zeros, encoding in ((odd, "utf-16-le"), (even, "utf-16-be")):
        if zeros and 2 * zeros.count(0) > len(zeros):
            return encoding
    return DEFAULT
