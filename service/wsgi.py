"""The service of this process's environment, for gunicorn: `gunicorn -c deploy/gunicorn.conf.py service.wsgi:app`.

The shared memory is made here, before any worker is forked; `options` are the gunicorn settings that go with it.
"""

import os
import sys

from model.errors import ModelError
from service import config
from service.app import build
from service.server import hooks
from service.telemetry.logging import open_closed_streams

open_closed_streams()
try:
    settings = config.load(os.environ)
    service = build(settings, os.environ)
except config.SettingsError as error:
    sys.exit(f"delivery-risk: {error}")
except ModelError as error:
    sys.exit(f"delivery-risk: {settings.model}: {error}")
app, options = service.app, hooks.options(service)
