"""Members for `mean` that are not arrays of the format: each is a BadArray with the location mean."""

import pickle

import numpy as np

from tests.model_files import SECRET_NUMBER, SECRET_TEXT, Trap, described, headed, npy

THREE = np.full(3, SECRET_NUMBER)
BODY = THREE.tobytes()

ARRAYS = {
    "empty": b"",
    "no .npy": SECRET_TEXT.encode() * 20,
    "version 2.0": npy(THREE, (2, 0)),
    "version 3.0": npy(THREE, (3, 0)),
    "pickled objects": npy(np.array([SECRET_TEXT] * 3, object), allow_pickle=True),
    "big-endian": npy(THREE.astype(">f8")),
    "float32": npy(THREE.astype(np.float32)),
    "float16": npy(np.ones(3, np.float16)),
    "int64": npy(THREE.astype(np.int64)),
    "complex": npy(THREE.astype(complex)),
    "booleans": npy(THREE > 0),
    "text": npy(np.array([SECRET_TEXT] * 3)),
    "times": npy(np.array([8675309] * 3, "M8[s]")),
    "signed bytes": npy(np.zeros(3, np.int8)),
    "a structure": npy(np.zeros(3, [("a", "<f8")])),
    "a nested type": described("('<f8', (1,))", "(3,)", BODY),
    "Fortran order": described("'<f8'", "(3, 1)", BODY, fortran=True),
    "more promised than there is": described("'<f8'", "(4,)", BODY),
    "terabytes promised": described("'<f8'", "(1000000, 1000000)", BODY),
    "less promised than there is": described("'<f8'", "(2,)", BODY),
    "a byte more than promised": npy(THREE) + b"\0",
    "a byte less than promised": npy(THREE)[:-1],
    "a negative extent": described("'<f8'", "(-3,)", BODY),
    "two negative extents": described("'<f8'", "(-1, -3)", BODY),
    "an extent that is a truth": described("'<f8'", "(True, 3)", BODY),
    "an extent that is a float": described("'<f8'", "(3.0,)", BODY),
    "an extent that is a long": described("'<f8'", "(3L,)", BODY),
    "a shape that is a list": described("'<f8'", "[3]", BODY),
    "a shape that is a number": described("'<f8'", "3", BODY),
    "nothing, endlessly wide": described("'<f8'", f"(0, {10**300})"),
    "too many dimensions": described("'<f8'", f"({'1, ' * 70})", BODY[:8]),
    "a type that is unknown": described(f"'{SECRET_TEXT}'", "(3,)", BODY),
    "a type that is a number": described("8675309", "(3,)", BODY),
    "a type that is an empty tuple": described("()", "(3,)", BODY),
    "a type that is an empty list": described("[]", "(3,)", BODY),
    "a type that is out of use": described("'a'", "(3,)", BODY),
    "a header of another structure": headed(f"['{SECRET_TEXT}']", BODY),
    "a header with a key more": headed("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), 'x': 1}", BODY),
    "a header with a key less": headed("{'descr': '<f8', 'shape': (3,)}", BODY),
    "a header that is never closed": headed("{'descr': '<f8', 'fortran_order': False, 'shape': (3,", BODY),
    "a header whose text is never closed": headed("'''", BODY),
    "a header of code": headed("__import__('os').abort()", BODY),
    "a header of brackets": headed("(" * 900, BODY),
    "a header of signs": headed("-" * 900 + "1", BODY),
    "a header of spaces": headed(" " * 900, BODY),
    "a header of nul bytes": headed("\0" * 100, BODY),
    "a header over the limit": npy(THREE)[:8] + b"\x00\x08" + npy(THREE)[10:-25] + b" " * 2000 + b"\n" + BODY,
    "a pickle": pickle.dumps(Trap("sprung")),
    "a pickle in an array": npy(np.array([Trap("sprung")] * 3, object), allow_pickle=True),
    "a pickle under a header of numbers": described("'<f8'", "(3,)", pickle.dumps(Trap("sprung"))),
    "an extent of a leading zero": described("'<f8'", "(03,)", BODY),
    "three dimensions": described("'<f8'", "(3, 1, 1)", BODY),
    "a header that tells of another length": npy(THREE)[:8] + b"\x77\x00" + npy(THREE)[10:],
    "a header alone": described("'<f8'", "(3,)"),
}
