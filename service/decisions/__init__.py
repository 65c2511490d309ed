"""The decision log: written by the service, read by commands."""
