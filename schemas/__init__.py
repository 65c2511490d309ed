"""The shapes of orders, answers and errors, on the wire and in files."""
