"""The formats of a batch on the wire."""
