"""The service as gunicorn serves it, but the file system of HUNG_FOLDER does not answer while the file `HUNG` is beside it."""

import os
import time

folder = os.environ["HUNG_FOLDER"]
_stat = os.stat


def _wait(path, *given, **named):
    while str(path).startswith(folder):
        try:
            _stat(f"{folder}.HUNG")
        except FileNotFoundError:
            break
        time.sleep(0.02)
    return _stat(path, *given, **named)


os.stat = _wait

from service.wsgi import app  # noqa: E402 - it looks at the files from its start

__all__ = ["app"]
