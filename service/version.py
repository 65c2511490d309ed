"""Release: which version of the distribution this is."""

from importlib.metadata import version

VERSION = version("delivery-risk")
