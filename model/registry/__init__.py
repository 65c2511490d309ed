"""The directory of model versions, the references to the current version and the challenger, and the journal of changes."""
