"""The use case: what happens to a batch of orders."""
