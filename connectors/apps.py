from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConnectorsConfig(AppConfig):
    name = "connectors"
    verbose_name = _("Channels")

    def ready(self) -> None:
        from connectors import provider  # models must be loaded first

        provider.discover()
