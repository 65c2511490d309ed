"""The model file: reading, checking and writing it."""
