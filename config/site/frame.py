"""The admin's look, as Unfold reads it. Settings import this, so it imports no model."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": gettext_lazy("Huitou"),
    "SITE_HEADER": gettext_lazy("Huitou"),
    "SITE_SUBHEADER": gettext_lazy("Member marketing that proves itself"),
    "SITE_SYMBOL": "restart_alt",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("huitou/icon.svg")}],
    "SITE_URL": None,
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "config.site.navigation.clock_label",
    "DASHBOARD_CALLBACK": "config.site.home.dashboard",
    "STYLES": [lambda request: static("huitou/huitou.css")],
    "LOGIN": {
        "image": lambda request: static("huitou/login.svg"),
        "form": "config.site.login.LoginForm",
    },
    "BORDER_RADIUS": "8px",
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": "config.site.navigation.sidebar"},
    "COLORS": {
        "primary": {  # jade
            "50": "oklch(97.5% .02 172)",
            "100": "oklch(94.5% .04 172)",
            "200": "oklch(89.5% .07 171)",
            "300": "oklch(82.5% .1 170)",
            "400": "oklch(73.5% .12 168)",
            "500": "oklch(65% .125 166)",
            "600": "oklch(55.5% .112 166)",
            "700": "oklch(47% .094 167)",
            "800": "oklch(39.5% .078 168)",
            "900": "oklch(33.5% .064 170)",
            "950": "oklch(24% .048 172)",
        },
    },
}
