from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rest_framework.test import APIClient

from config.ground import keys
from config.ground.models import Brand

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _a_brand_at_noon(db):
    """The brand's clock stands, so that instants in the tests are neither past nor future by the day they run on."""
    Brand.objects.update(clock_mode="replay", clock_at=NOW, timezone="Asia/Shanghai", currency="CNY")


@pytest.fixture
def partner():
    """A client with a key: `partner("ingest", source="shop")`."""

    def make(*scopes: str, source: str = "shop", language: str = "en") -> APIClient:
        clear = keys.create(f"key {keys.ApiKey.objects.count()}", scopes, source, actor="test", now=NOW)
        return APIClient(headers={"Authorization": f"Bearer {clear}", "Accept-Language": language})

    return make
