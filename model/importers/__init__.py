"""Imports models from the files of training scripts."""
