import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("HUITOU_ROLE", "web")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
