"""Evaluation: scores held against what happened to their orders."""
