from django.urls import path

from connectors.api.callbacks import receive

urlpatterns = [path("callbacks/<slug:provider>/<slug:account>/<str:secret>", receive)]
