"""The directory of model versions, and the references to the current one and to the challenger."""
