"""The pages on what the members are like (cdp/insight): nothing is stored, whoever may see them has the permission of this."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from cdp.models.profile import PopulationRun


class Insight(PopulationRun):
    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("insight")
        verbose_name_plural = _("insight")
