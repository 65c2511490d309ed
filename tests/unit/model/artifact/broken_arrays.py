"""Members for `mean` that are not arrays of the format: each is a BadArray with the location mean."""

import pickle

import numpy as np

from tests.model_files import SECRET_NUMBER, SECRET_TEXT, Trap, described, headed, npy

THREE = np.full(3, SECRET_NUMBER)
BODY = THREE.tobytes()

SHAPES = [
    *("(4,)", "(2,)", "(1000000, 1000000)", "(-3,)", "(-1, -3)", "(True, 3)", "(3.0,)", "(3L,)", "(03,)", "[3]", "3"),
    "(3, 1, 1)",
]
TYPES = ["('<f8', (1,))", f"'{SECRET_TEXT}'", "8675309", "()", "[]", "'a'"]
KINDS = [">f8", "<f4", "<f2", "<i8", "i1", "<c16", "?", "M8[s]", "f8,f8"]
HEADERS = {
    "of another structure": f"['{SECRET_TEXT}']",
    "with a key less": "{'descr': '<f8', 'shape': (3,)}",
    "with a key more": "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), 'x': 1}",
    "that is never closed": "{'descr': '<f8', 'fortran_order': False, 'shape': (3,",
    "whose text is never closed": "'''",
    "of code": "__import__('os').abort()",
    "of brackets": "(" * 900,
    "of signs": "-" * 900 + "1",
    "of spaces": " " * 900,
    "of nul bytes": "\0" * 100,
}
ARRAYS = {
    **{f"three numbers under a shape of {shape}": described("'<f8'", shape, BODY) for shape in SHAPES},
    **{f"a type of {descr}": described(descr, "(3,)", BODY) for descr in TYPES},
    **{f"a header {name}": headed(header, BODY) for name, header in HEADERS.items()},
    **{f"an array of {kind}": npy(np.ones(3).astype(kind)) for kind in KINDS},
    "empty": b"",
    "no .npy": SECRET_TEXT.encode() * 20,
    "text": npy(np.array([SECRET_TEXT] * 3)),
    "version 2.0": npy(THREE, (2, 0)),
    "version 3.0": npy(THREE, (3, 0)),
    "pickled objects": npy(np.array([SECRET_TEXT] * 3, object), allow_pickle=True),
    "Fortran order": described("'<f8'", "(3, 1)", BODY, fortran=True),
    "a byte more than promised": npy(THREE) + b"\0",
    "a byte less than promised": npy(THREE)[:-1],
    "nothing, endlessly wide": described("'<f8'", f"(0, {10**300})"),
    "too many dimensions": described("'<f8'", f"({'1, ' * 70})", BODY[:8]),
    "a header over the limit": npy(THREE)[:8] + b"\x00\x08" + npy(THREE)[10:-25] + b" " * 2000 + b"\n" + BODY,
    "a header of another length": npy(THREE)[:8] + b"\x77\x00" + npy(THREE)[10:],
    "a header alone": described("'<f8'", "(3,)"),
    "a pickle": pickle.dumps(Trap("sprung")),
    "a pickle in an array": npy(np.array([Trap("sprung")] * 3, object), allow_pickle=True),
    "a pickle under a header of numbers": described("'<f8'", "(3,)", pickle.dumps(Trap("sprung"))),
}
