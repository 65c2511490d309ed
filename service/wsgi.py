"""WSGI: the application of this process's environment, for gunicorn: `service.wsgi:app`.

The tally is made here, before any worker is forked, and `options` are gunicorn's settings that go with it.
"""

import os
import sys

from model import registry
from model.errors import ModelError
from service import config, server
from service.admission import Admission
from service.app import create_app
from service.tally import Tally

try:
    _settings = config.load(os.environ)
    _model = registry.load(_settings.model, _settings.model_sha256)
except (config.SettingsError, ModelError) as error:
    sys.exit(f"delivery-risk: {error}")

_tally = Tally()
_admission = Admission(_settings, _tally)
app = create_app(_settings, _model, _tally, _admission)
options = server.options(_settings, _tally, _admission)
