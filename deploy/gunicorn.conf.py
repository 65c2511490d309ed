"""gunicorn's configuration for containers: gunicorn -c deploy/gunicorn.conf.py service.wsgi:app"""

from service.wsgi import options

globals().update(options)
