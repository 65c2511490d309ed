"""The service as gunicorn serves it, but orders with some ids take long to be scored."""

import time

from service.scoring import service
from service.wsgi import app

_score_batch = service.score_batch


def _long(model, decoded, options):
    for order_id in decoded.batch.ids:
        time.sleep({"sleeps": 3600, "slow": 0.5}.get(order_id, 0))
        while order_id == "spins":
            pass
    return _score_batch(model, decoded, options)


service.score_batch = _long
__all__ = ["app"]
