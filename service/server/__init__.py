"""gunicorn: its application, hooks and worker."""
