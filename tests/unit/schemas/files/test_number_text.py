import numpy as np

from schemas.files.number_text import number_texts


def test_numbers_are_written_as_python_writes_them():
    draw = np.random.default_rng(0)
    sizes = draw.random(100_000) * 10.0 ** draw.integers(-320, 309, 100_000)
    any_bits = draw.integers(0, 2**64, 100_000, dtype=np.uint64).view(np.float64)
    edges = [0.0, -0.0, 5e-324, 1e-05, 9.999999999999999e-05, 1e-4, 0.1 + 0.2, 1e16 - 2, 1e16, np.nan, np.inf, -np.inf]
    for numbers in (draw.random(100_000), sizes, -sizes, any_bits, np.round(sizes), np.array(edges), np.empty(0)):
        assert number_texts(numbers) == list(map(repr, numbers.tolist()))
