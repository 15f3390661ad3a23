"""The columns of the families and what conditions may ask of them are one list: neither can go its own way."""

from __future__ import annotations

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import F
from django.utils import translation

from cdp.axes import AXES
from cdp.conditions.vocabulary import FIELDS
from cdp.features import families
from cdp.models import Profile
from tests.builders import at

pytestmark = pytest.mark.django_db
FITS = {
    "number": (models.IntegerField, models.FloatField),
    "money": (models.BigIntegerField,),
    "text": (models.CharField,),
    "choice": (models.CharField,),
    "time": (models.DateTimeField,),
    "list": (ArrayField,),
}


def columns(family):
    return {field.name for field in family.table._meta.concrete_fields} - {"member", "as_of"}


def asked(field):
    """What an expression reads, by its full path."""
    expression = field.expression(at("2026-03-01"))
    nodes = [expression] if isinstance(expression, F) else list(expression.flatten())
    return {node.name for node in nodes if isinstance(node, F)} | {
        child[0].removesuffix("__gt") for node in nodes for q in [getattr(node, "condition", None)] if q for child in q.children
    }  # fmt: skip


@pytest.mark.parametrize("family", families.ALL, ids=lambda family: family.table.__name__)
def test_every_column_is_filled_and_asked_by_a_field_or_is_no_answer(family):
    placed = {axis.name for axis in AXES} | {"next_change_at"} if family.table is Profile else set()
    prefix = f"{'profile' if family.table is Profile else family.table._meta.model_name}__"
    read = {path.removeprefix(prefix) for field in family.fields.values() for path in asked(field)}

    assert set(family.columns) | placed == columns(family)
    assert not set(family.columns) & placed
    assert read | set(family.inner) == columns(family)
    assert not read & set(family.inner)


@pytest.mark.parametrize("family", families.ALL, ids=lambda family: family.table.__name__)
def test_the_statement_gives_exactly_the_columns(family):
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT * FROM ({family.statement}) one LIMIT 0",
            {"members": None, "as_of": at("2026-03-01"), "tz": "Asia/Shanghai", "base": 90, "k": 3},
        )
        assert {column.name for column in cursor.description} == {"member_id", *family.columns}


@pytest.mark.parametrize(
    ("family", "name"), [pytest.param(family, name, id=name) for family in families.ALL for name in family.fields]
)  # fmt: skip
def test_every_field_says_what_it_is_in_both_languages(family, name):
    field = family.fields[name]

    assert FIELDS.get(name) is field
    for text in (field.label, field.definition, field.source, *(label for _value, label in field.choices)):
        with translation.override("en"):
            english = str(text)
        with translation.override("zh-hans"):
            assert english and str(text) != english
    column = next((f for f in family.table._meta.concrete_fields if f.name == name), None)
    assert column is None or isinstance(column, FITS[field.type])
    if column is not None and column.choices:
        assert [value for value, _label in field.choices] == [value for value, _label in column.choices]
