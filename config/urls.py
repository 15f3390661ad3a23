from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config import health
from config.ground.admin.people import own_password

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs/", SpectacularSwaggerView.as_view(url_name="schema")),
    path("api/v1/", include("config.ground.api.urls")),
    path("api/v1/", include("cdp.api.urls")),
    path("api/v1/", include("connectors.api.urls")),
    path("api/v1/", include("automation.api.urls")),
    path("admin/password_change/", admin.site.admin_view(own_password)),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
]
handler404 = "config.ground.problems.not_found"
handler400 = "config.ground.problems.bad_request"
handler500 = "config.ground.problems.server_error"
