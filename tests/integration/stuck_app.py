"""The service as gunicorn serves it, but orders with some ids take long to be scored."""

import time

from service.scoring import service
from service.wsgi import app

_score_batch = service.score_batch


def _spin():
    while True:
        pass


_TAKES_LONG = {"sleeps": lambda: time.sleep(3600), "spins": _spin, "slow": lambda: time.sleep(0.5)}


def _long(model, decoded, options):
    for order_id in decoded.batch.ids:
        _TAKES_LONG.get(order_id, int)()
    return _score_batch(model, decoded, options)


service.score_batch = _long
__all__ = ["app"]
