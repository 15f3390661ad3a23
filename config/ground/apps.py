from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GroundConfig(AppConfig):
    name = "config.ground"
    label = "ground"
    verbose_name = _("System")
