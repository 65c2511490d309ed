"""Work on files of orders without a server."""
