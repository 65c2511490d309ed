"""The scoring service: time, processes, people and failure."""
