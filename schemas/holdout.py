"""Holdout: the orders that are kept out of review, so that it is seen what happens to orders that nobody acts on."""

import msgspec


class Holdout(msgspec.Struct, frozen=True):
    """The `share` of orders that stay out of review, and the indices of the `orders` that would have gone there."""

    share: float
    orders: list[int]
