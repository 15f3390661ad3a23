"""A value is opened with the key that it names; a blind is made under the version that is asked for."""

from __future__ import annotations

import pytest

from config.ground import crypto

K1, K2, B1 = "k1:" + "5a" * 32, "k2:" + "6b" * 32, "b1:" + "7c" * 32


@pytest.fixture(autouse=True)
def one_key(settings):
    settings.FIELD_KEY, settings.BLIND_KEY = K1, ""


def test_the_first_key_seals_and_each_value_is_opened_with_its_own(settings):
    old = crypto.seal("一")
    settings.FIELD_KEY = f"{K2},{K1}"
    new = crypto.seal("二")

    assert (crypto.sealed_under(old), crypto.sealed_under(new)) == ("k1", "k2")
    assert (crypto.unseal(old), crypto.unseal(new)) == ("一", "二")


def test_what_this_host_cannot_open_is_said_by_the_key_and_never_by_the_value(settings):
    sealed = crypto.seal("+8613900000001")

    settings.FIELD_KEY = K2
    with pytest.raises(crypto.Unreadable, match=r"^sealed under the key 'k1'; FIELD_KEY has k2$"):
        crypto.unseal(sealed)
    settings.FIELD_KEY = "k1:" + "00" * 32
    with pytest.raises(crypto.Unreadable, match="a key 'k1', which is another than that of FIELD_KEY, or altered"):
        crypto.unseal(sealed)


def test_one_key_seals_and_blinds_with_different_material(settings):
    """The value that an installation of today has in its database: blinds and seals of one FIELD_KEY stay as they are."""
    assert crypto.blind_keys() == ("field:k1",)
    assert crypto.blind("field:k1", "phone", "", "+8613900000001").hex() == (
        "f2576b7a1d314cd91df9b508fbb130e14768a474eeafc3c4e334898c0719ead4"
    )


def test_a_blind_key_of_its_own_comes_before_those_derived(settings):
    before = crypto.blind("field:k1", "crm_id", "", "1")
    settings.BLIND_KEY, settings.FIELD_KEY = B1, f"{K2},{K1}"

    assert crypto.blind_keys() == ("b1", "field:k2", "field:k1")
    assert len({crypto.blind(version, "crm_id", "", "1") for version in crypto.blind_keys()}) == 3
    assert crypto.blind("field:k1", "crm_id", "", "1") == before


@pytest.mark.parametrize(("version", "setting"), [("b1", "BLIND_KEY"), ("field:k9", "FIELD_KEY")])
def test_a_blind_key_that_is_not_here_is_named(version, setting):
    with pytest.raises(crypto.KeyMissing, match=f"^{setting} lacks the key '{version.removeprefix('field:')}'"):
        crypto.blind(version, "crm_id", "", "1")
