"""Numbers, model files and the model registry, on NumPy alone."""
