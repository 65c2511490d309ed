"""WSGI: the application of this process's environment, for gunicorn: `service.wsgi:app`.

The tally is made here, before any worker is forked, and `options` are gunicorn's settings that go with it.
"""

import os
import sys

from model.errors import ModelError
from service import config
from service.server import application

try:
    settings = config.load(os.environ)
except config.SettingsError as error:
    sys.exit(f"delivery-risk: {error}")
try:
    app, options, _ = application.assemble(settings, os.environ)
except ModelError as error:
    sys.exit(f"delivery-risk: {settings.model}: {error}")
