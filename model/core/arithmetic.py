"""Arithmetic: the number that says which bits a model gives an order."""

ARITHMETIC = 1
"""Raised by every change after which an order could get other bits from some model: a logit, a score or an explanation."""
