"""What ends a run of bulk."""


class BulkError(ValueError):
    """The run cannot begin, or cannot go on. The message says why and what to do."""
