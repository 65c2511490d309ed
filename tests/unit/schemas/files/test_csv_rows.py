from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from schemas.files.csv_rows import quoted, writer


@given(st.lists(st.text() | st.text(st.sampled_from('",\r\n ;a')), max_size=5))
def test_cells_are_quoted_as_the_csv_module_quotes_them(texts):
    stream = StringIO(newline="")
    writer(stream).writerow(["x", *texts])
    assert ",".join(["x", *quoted(texts)]) + "\r\n" == stream.getvalue()
