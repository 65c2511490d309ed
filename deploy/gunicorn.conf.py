"""gunicorn's configuration, in the image and for one's own gunicorn: gunicorn -c deploy/gunicorn.conf.py service.wsgi:app"""

from service.wsgi import options

globals().update(options)
