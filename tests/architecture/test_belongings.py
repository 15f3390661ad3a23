"""Nothing that is held on a person is forgotten."""

from datetime import UTC, datetime

import pytest
from django.apps import apps

from cdp import leaving
from cdp.belonging import BELONGINGS
from cdp.models import Member


def test_every_model_with_a_member_is_declared():
    with_member = {
        model._meta.label
        for model in apps.get_models()
        if any(
            field.is_relation and field.related_model is Member and field.concrete for field in model._meta.get_fields()
        )
    }

    assert with_member - set(BELONGINGS) == set()


def test_every_table_says_what_a_merge_an_export_and_an_erasure_do_with_it():
    silent = {
        label: [name for name in ("merge", "export", "erase") if getattr(belonging, name) is None]
        for label, belonging in BELONGINGS.items()
    }

    assert {label: lacking for label, lacking in silent.items() if lacking} == {}


@pytest.mark.django_db
@pytest.mark.parametrize("label", sorted(BELONGINGS))
def test_what_is_declared_can_be_done_in_the_database(label):
    """Columns that do not exist, or a statement that does not fit its table, are found here and not in front of a member."""
    belonging = BELONGINGS.get(label)

    assert leaving.show(belonging, belonging.export, [0]) == []
    assert belonging.erase.run(belonging, [0], now=datetime(2026, 3, 1, tzinfo=UTC)) == 0
