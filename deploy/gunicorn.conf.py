"""Configuration of gunicorn, in the image and elsewhere: gunicorn -c deploy/gunicorn.conf.py service.wsgi:app"""

from service.wsgi import options

globals().update(options)
