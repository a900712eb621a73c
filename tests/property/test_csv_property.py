"""Whatever is written as CSV is read again, and every place holds the cell that is there."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from provisioner.spec.positions import offsets
from provisioner.spec.roster.csv_reader import cell_spans, rows

CELLS = st.text(st.sampled_from('ab",;|\t\n\r é\U0001f600'), max_size=6)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=5)


@given(
    TABLES,
    st.sampled_from(",;|\t"),
    # Python before 3.13 leaves a line break of another kind than its own without quotes.
    st.sampled_from([("\n", csv.QUOTE_ALL), ("\r", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]),
)
def test_written_csv_is_read_back(cells, delimiter, how):
    end, quoting = how
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(cells)
    text = file.getvalue()
    found = list(rows(io.StringIO(text, newline=""), "f.csv", delimiter))
    assert [row.cells for row in found] == cells
    for row in found:
        spans = cell_spans(row.text, row.line, "f.csv", delimiter)
        for span, cell in zip(spans, row.cells, strict=True):
            begin, stop = offsets(text, span)
            ((again,),) = (
                csv.reader([text[begin:stop]], delimiter=delimiter) if stop > begin else [[""]]
            )
            assert again == cell
