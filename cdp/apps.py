from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from config.ground import sweep


class CdpConfig(AppConfig):
    name = "cdp"
    verbose_name = _("Members")

    def ready(self) -> None:
        """Let every room speak for itself: its fields, its feed reader, its belongings, what it seals, what it knows happened,
        its long work.
        """
        sweep.keep("cdp_ingestbody", "made_at", "30 days")
        autodiscover_modules("vocabulary", "readers", "belongings", "sealed", "timeline", "work")
