"""No column that holds sealed values is forgotten when keys are changed."""

from __future__ import annotations

from django.apps import apps
from django.db.models import BinaryField

from config.ground.sealed import SEALED, UNDER_MEMBERS

# Binary, and not sealed: hashes that are keyed, or of random secrets, or of amounts, or of ids; marks under a veil.
OTHERS = {
    "ground.ApiKey.hashed",
    "ground.BlindKey.proof",
    "cdp.Identity.blind",
    "ground.LoginTry.who",
    "cdp.Seen.content",
    "connectors.Attempt.address",
    "connectors.BlockedAddress.blind",
    "connectors.Receipt.address",
    "ground.Approval.digest",
    "loyalty.Entry.input_hash",
}


def test_every_binary_column_is_sealed_and_declared_or_known_to_be_something_else():
    binary = {
        f"{model._meta.label}.{field.attname}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, BinaryField)
    }

    assert binary - OTHERS == set(SEALED) | UNDER_MEMBERS


def test_every_model_with_a_blind_is_declared():
    blinded = {
        model._meta.label for model in apps.get_models() if any(f.name == "blind_key" for f in model._meta.fields)
    }

    # Those of connectors follow the identity's (connectors/sealed.py); what is parked keeps those it came with (cdp/sealed.py).
    assert blinded - {sealed.model._meta.label for _label, sealed in SEALED.items() if sealed.blind} == {
        "cdp.Parked", "connectors.Attempt", "connectors.BlockedAddress",
    }  # fmt: skip
