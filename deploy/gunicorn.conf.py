"""gunicorn's configuration, in the image and for one's own gunicorn: gunicorn -c deploy/gunicorn.conf.py service.wsgi:app"""

from pathlib import Path

from service.wsgi import options

globals().update(options)

if Path("/dev/shm").is_dir():  # noqa: S108
    worker_tmp_dir = "/dev/shm"  # noqa: S108
