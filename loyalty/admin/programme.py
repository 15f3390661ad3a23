from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from config.ground.readonly import ReadOnlyAdmin
from loyalty.models import PointsAccount, Programme


@admin.register(Programme)
class ProgrammeAdmin(ReadOnlyAdmin):
    list_display = ["name", "key", "points_per_unit", "rounding", "started_at"]
    search_fields = ["key", "name"]


@admin.register(PointsAccount)
class PointsAccountAdmin(ReadOnlyAdmin):
    list_display = ["member", "programme", "avail", "pend", "held", "debt"]
    list_display_links = ["member"]
    list_filter = ["programme"]
    list_select_related = ["member", "programme"]
    search_fields = ["=member__id"]
    search_help_text = _("member number")
