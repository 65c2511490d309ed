"""Makes models of what training scripts save."""
