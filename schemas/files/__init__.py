"""The formats of a file of orders."""
