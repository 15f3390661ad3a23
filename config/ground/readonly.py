"""A list to read and search: what has happened is shown, never edited."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline


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


class ReadOnlyInline(_ReadOnly, TabularInline):
    extra = 0
    show_change_link = True
