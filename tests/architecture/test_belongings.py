"""Nothing that is held on a person is forgotten."""

from django.apps import apps

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
