"""The brand's settings: what cannot be is named, what was and is stands in the trail, and days and sums of the past stay true."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from cdp import brand
from cdp.errors import InvalidBrand
from config.ground.models import AuditRow, Brand
from tests import builders
from tests.builders import LONG_AGO

pytestmark = pytest.mark.django_db


MALL = {"newcomer_days": 30, "mature_days": 90, "declining_days": 180}


def stages(**other):
    return {"stages": Brand.objects.the().stages | other}


def test_what_changed_stands_in_the_trail_and_what_did_not_does_not():
    said = {"name": "回头", "parked_for": "P30D", "timezone": "Asia/Tokyo"} | stages(dormant_floor=45)

    changed = brand.change(said, actor="admin:li", now=LONG_AGO)

    row = AuditRow.objects.get()
    assert (row.actor, row.action, row.at) == ("admin:li", "brand.changed", LONG_AGO)
    assert row.detail == changed
    assert set(changed) == {"name", "timezone", "stages.dormant_floor"}
    assert changed["stages.dormant_floor"] == [30, 45]
    assert changed["timezone"] == ["Asia/Shanghai", "Asia/Tokyo"]
    now = Brand.objects.the()
    assert (now.name, now.timezone, now.stages["dormant_floor"]) == ("回头", "Asia/Tokyo", 45)


def test_the_same_again_leaves_no_row():
    assert brand.change({"parked_for": "P30D"} | stages(), actor="admin:li", now=LONG_AGO) == {}
    assert AuditRow.objects.count() == 0


@pytest.mark.parametrize(
    ("said", "path", "code"),
    [
        ({"name": " "}, "name", "required"),
        ({"timezone": "Mars/Phobos"}, "timezone", "wrong_form"),
        ({"currency": "yuan"}, "currency", "wrong_form"),
        ({"parked_for": "30 days"}, "parked_for", "wrong_form"),
        ({"parked_for": "P0D"}, "parked_for", "wrong_form"),
        ({"parked_for": "P999W"}, "parked_for", "wrong_form"),
        ({"dormant_factor": 5}, "stages.churned_factor", "out_of_order"),
        ({"critical_floor": 31}, "stages.dormant_floor", "out_of_order"),
        ({"dormant_floor_once": 400}, "stages.churned_floor", "out_of_order"),
        ({"critical_factor": 0}, "stages.critical_factor", "out_of_range"),
        ({"shrinkage": -1}, "stages.shrinkage", "out_of_range"),
        ({"default_interval": 0}, "stages.default_interval", "out_of_range"),
        ({"value_tiers": {"middle": 0.95, "top": 0.95}}, "value_tiers.top", "out_of_order"),
        ({"value_tiers": {"middle": 0.7, "top": 1}}, "value_tiers.top", "out_of_order"),
        ({"mall_stages": MALL | {"mature_days": 30}}, "mall_stages.mature_days", "out_of_order"),
        ({"mall_stages": MALL | {"declining_days": 0}}, "mall_stages.declining_days", "out_of_range"),
        ({"mall_stages": MALL | {"newcomer_days": 1.5}}, "mall_stages.newcomer_days", "out_of_range"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_what_cannot_be_is_named_and_nothing_is_changed(said, path, code, language):
    if set(said) <= set(Brand.objects.the().stages):
        said = stages(**said)

    with translation.override(language), pytest.raises(InvalidBrand) as refused:
        brand.change(said, actor="admin:li", now=LONG_AGO)

    assert [(fault.path, fault.code) for fault in refused.value.faults] == [(path, code)]
    assert AuditRow.objects.count() == 0


@pytest.mark.parametrize("other", [{"timezone": "Asia/Tokyo"}, {"currency": "USD"}])
def test_zone_and_currency_stay_once_there_are_orders(other):
    builders.an_order(builders.a_member(), "2016-02-01")

    with pytest.raises(InvalidBrand) as refused:
        brand.change(other, actor="admin:li", now=LONG_AGO)
    assert [fault.code for fault in refused.value.faults] == ["settled"]
    same = {name: getattr(Brand.objects.the(), name) for name in other}
    assert brand.change(same | {"name": "x"}, actor="admin:li", now=LONG_AGO).keys() == {"name"}


LAWS = [
    ("stages = stages - 'shrinkage'", "intervals_begin_somewhere"),
    ("stages = jsonb_set(stages, '{default_interval}', '0')", "intervals_begin_somewhere"),
    ("stages = jsonb_set(stages, '{churned_floor}', '\"365\"')", "stages_follow_one_another"),
    ("stages = jsonb_set(stages, '{critical_factor}', '9')", "stages_follow_one_another"),
    ('value_tiers = \'{"middle": 0.9, "top": 0.8}\'', "value_tiers_are_shares_in_order"),
    ("value_tiers = '{}'", "value_tiers_are_shares_in_order"),
    ("mall_stages = jsonb_set(mall_stages, '{mature_days}', '30')", "mall_stages_follow_one_another"),
    ("mall_stages = mall_stages - 'declining_days'", "mall_stages_follow_one_another"),
    ("timezone = 'Asia/Tokyo'", "timezone and currency stay once there are orders"),
    ("currency = 'USD'", "timezone and currency stay once there are orders"),
]


@pytest.mark.parametrize(("change", "law"), LAWS, ids=[change for change, _law in LAWS])
def test_the_laws_hold_around_python_too(change, law):
    builders.an_order(builders.a_member(), "2016-02-01")

    with pytest.raises(IntegrityError, match=law), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE ground_brand SET {change}")


def test_the_page_says_what_is_wrong_beside_its_field(admin_client):
    the = Brand.objects.the()
    said = {"name": "x", "timezone": the.timezone, "currency": the.currency, "parked_for": "P7D"}
    said |= {f"stages_{name}": value for name, value in the.stages.items()} | {"stages_dormant_floor": 400}
    said |= {f"value_tiers_{name}": value for name, value in the.value_tiers.items()}
    said |= {f"mall_stages_{name}": value for name, value in the.mall_stages.items()}

    response = admin_client.post("/admin/ground/brand/1/change/", said, headers={"Accept-Language": "zh-hans"})

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == ["stages_churned_floor"]
    assert Brand.objects.the().name != "x"


def test_the_page_shows_zone_and_currency_without_a_field_once_there_are_orders(admin_client):
    builders.an_order(builders.a_member(), "2016-02-01")

    page = admin_client.get("/admin/ground/brand/1/change/").content.decode()

    assert 'name="timezone"' not in page
    assert 'name="stages_dormant_floor"' in page
