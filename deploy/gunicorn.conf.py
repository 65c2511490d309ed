"""gunicorn's configuration for the image, and for a gunicorn of one's own: gunicorn -c deploy/gunicorn.conf.py service.wsgi:app"""

from pathlib import Path

from service.wsgi import options

globals().update(options)

if Path("/dev/shm").is_dir():  # noqa: S108
    worker_tmp_dir = "/dev/shm"  # noqa: S108
