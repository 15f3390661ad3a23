from django.apps import AppConfig

from config import checks  # noqa: F401  registers the system checks
from config.celery import app  # noqa: F401  the current app: a nudge from any process goes to our broker


class RoofConfig(AppConfig):
    name = "config"
