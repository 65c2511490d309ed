"""The formats of batches on the wire."""
