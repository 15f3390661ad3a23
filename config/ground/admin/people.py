"""Who works here and what they may: rights come from groups, and only who may everything gives them. The trail says which.

The ticks of django-celery-beat have no page: they are code, seeded by migration and repaired at start.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as PlainGroupAdmin
from django.contrib.auth.admin import UserAdmin as PlainUserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django_celery_beat import admin as beat_admin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from config.ground import audit, clock
from config.ground.admin.audited import AuditedAdmin

RIGHTS = ["is_superuser", "is_staff", "groups"]

for _model in [model for model, page in admin.site._registry.items() if type(page).__module__ == beat_admin.__name__]:
    admin.site.unregister(_model)
admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(PlainUserAdmin, AuditedAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    told = frozenset({"username", "is_active", *RIGHTS})
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Personal details"), {"fields": [("first_name", "last_name"), "email"]}),
        (_("Rights"), {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
        (_("Instants"), {"fields": [("last_login", "date_joined")]}),
    ]
    filter_horizontal = []
    readonly_fields = ["last_login", "date_joined"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, *([] if request.user.is_superuser else RIGHTS)]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj)

    def _may_touch(self, request: HttpRequest, obj: Any) -> bool:
        """Whoever could give a superuser a password would be one."""
        return bool(request.user.is_superuser or obj is None or not obj.is_superuser)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        with transaction.atomic():
            response: HttpResponse = super().user_change_password(request, id, form_url)
            return response


@admin.register(Group)
class GroupAdmin(PlainGroupAdmin, AuditedAdmin):  # type: ignore[misc]  # one says Group, the other any model
    told = frozenset({"name", "permissions"})
    filter_horizontal = []

    def _gives_rights(self, request: HttpRequest, granted: bool) -> bool:
        return bool(granted and request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._gives_rights(request, super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._gives_rights(request, super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._gives_rights(request, super().has_delete_permission(request, obj))


def own_password(request: HttpRequest) -> HttpResponse:
    """The page on which people change their own password."""
    with transaction.atomic():
        response: HttpResponse = admin.site.password_change(request)
        if request.method == "POST" and response.status_code == 302:
            audit.note(f"admin:{request.user}", "user.changed", f"user:{request.user}", now=clock.now(), password="…")
    return response
