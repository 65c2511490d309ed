"""The formats of files of orders."""
