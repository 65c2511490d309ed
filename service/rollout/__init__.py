"""Changes of the active models while the service runs."""
