"""The fields of this room's tables."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BigIntegerField,
    BooleanField,
    DateField,
    DateTimeField,
    DecimalField,
    Func,
    TextField,
)
from django.db.models import Field as DjangoField
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.utils.translation import gettext_lazy as _

from cdp import attributes
from cdp.conditions.vocabulary import DECLARED, FIELDS, Field, column, declare
from cdp.features import families
from cdp.models.attribute import AttributeDefinition

Type = AttributeDefinition.Type

for family in families.ALL:
    for name, of_family in family.fields.items():
        FIELDS.add(name, of_family)
declare("registered_at", _("registered"), "time", column("registered_at"), historical=True)


# Kind of attribute -> kind of field, and what reads its JSON; a value that does not fit is not known.
READ: dict[str, tuple[str, str, DjangoField[Any, Any]]] = {
    Type.NUMBER: ("number", "cdp_as_number", DecimalField(max_digits=38, decimal_places=9)),
    Type.INTEGER: ("number", "cdp_as_whole", BigIntegerField()),
    Type.MONEY: ("money", "cdp_as_whole", BigIntegerField()),
    Type.BOOLEAN: ("boolean", "cdp_as_boolean", BooleanField()),
    Type.DATE: ("date", "cdp_as_date", DateField()),
    Type.INSTANT: ("time", "cdp_as_instant", DateTimeField()),
    Type.LIST: ("list", "cdp_as_list", ArrayField(TextField())),
}


def _attribute(declared: attributes.Declared) -> Field:
    name = declared.name
    if declared.type not in READ:
        return Field(
            declared.label, declared.type, lambda as_of: KeyTextTransform(name, "attributes"), choices=declared.choices
        )
    type, function, output = READ[declared.type]
    return Field(
        declared.label,
        type,
        lambda as_of: Func(KeyTransform(name, "attributes"), function=function, output_field=output),
    )


DECLARED.append(lambda: {name: _attribute(one) for name, one in attributes.declared().items()})
