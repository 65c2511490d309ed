"""Scores many files of orders, of a folder or an object store, into files of the same names; it needs the extra `bulk`."""
