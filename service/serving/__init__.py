"""What a worker serves, and what all workers report of it."""
