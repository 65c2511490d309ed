"""WSGI: the application of this process's environment, for gunicorn: `service.wsgi:app`.

The tally is made here, before any worker is forked, and `options` are gunicorn's settings that go with it.
"""

import os
import sys

from model.errors import ModelError
from service import config, server

try:
    app, options, _ = server.assemble(config.load(os.environ), os.environ)
except (config.SettingsError, ModelError) as error:
    sys.exit(f"delivery-risk: {error}")
