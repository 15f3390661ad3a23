from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class CdpConfig(AppConfig):
    name = "cdp"
    verbose_name = _("Members")

    def ready(self) -> None:
        """Let every room speak for itself: its fields, its feed reader, its belongings, what it seals, its long work."""
        autodiscover_modules("vocabulary", "readers", "belongings", "sealed", "work")
