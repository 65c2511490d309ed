"""The directory of model versions, and the references to the current version and the challenger."""
