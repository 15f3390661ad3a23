"""An import of a file that somebody gave in the admin: a job, seen from this room."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.ground.models import Job


class FileImport(Job):
    class Meta:
        proxy = True
        verbose_name = _("import of a file")
        verbose_name_plural = _("imports of files")
        default_permissions = ("add", "view")
        permissions = [("download_rejects", _("Can download the rows that an import rejected"))]
