"""A list to read and search: what has happened is shown, never edited."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline

FAR = 10_000


class BoundedPaginator(Paginator):
    """Counts up to 10,000 and pages no further: nobody reads on from there, and a table of millions is not counted. Pages say
    `said` for the count: 10,000+ where there is more.
    """

    template_name = "admin/bounded_pagination.html"

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return rows.order_by()[: FAR + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._counted, FAR)

    @property
    def said(self) -> str:
        return f"{self.count:,}+" if self._counted > FAR else f"{self.count:,}"


def badge(text: object, colour: str | None = None, *, exactly: bool = False) -> SafeString:
    """A state as a coloured word: info, success, warning, danger, primary, or none. In lists and on pages alike. `exactly`: as it
    is written, where capitals would be another word.
    """
    shown = {"text": text, "type": colour, "class": "h-exactly" if exactly else ""}
    return render_to_string("unfold/helpers/label.html", shown)


class _ReadOnly:
    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False


class ReadOnlyAdmin(_ReadOnly, ModelAdmin):
    show_full_result_count = False  # counts every row of the table on each search
    list_per_page = 50
    paginator = BoundedPaginator
    empty_value_display = "–"  # as the pages write it themselves


class ReadOnlyInline(_ReadOnly, TabularInline):
    extra = 0
    show_change_link = True
