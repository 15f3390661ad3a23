"""The one door through which people come in: each try is counted before its password is looked at."""

from __future__ import annotations

from math import ceil
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import ngettext
from unfold.forms import AuthenticationForm

from config.ground import addresses, clock, logins


class LoginForm(AuthenticationForm):
    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username")
        if self.request is None or not name or not self.cleaned_data.get("password"):
            return super().clean()
        address = addresses.caller(self.request)
        try:
            logins.count(name, address, now=clock.now())
        except logins.Locked as lock:
            raise self._locked(lock.seconds) from None
        cleaned: dict[str, Any] = super().clean()
        logins.succeeded(name, address)
        return cleaned

    def _locked(self, seconds: int) -> ValidationError:
        minutes = ceil(seconds / 60)
        said = ngettext(
            "Too many tries have failed. Try again in %(minutes)d minute.",
            "Too many tries have failed. Try again in %(minutes)d minutes.",
            minutes,
        )
        return ValidationError(said % {"minutes": minutes}, code="locked")
