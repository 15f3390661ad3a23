"""Why a message is where it is, in the reader's words. A code of the provider is shown as it is."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

REASONS = {
    "no_consent": _("no consent in force"),
    "not_judged": _("refuses to be judged by what is known"),
    "erased": _("the member was erased"),
    "no_address": _("no address on this channel"),
    "invalid_address": _("the address is not valid on this channel"),
    "blocked_address": _("the address is blocked"),
    "synthetic_member": _("a made-up member is not written to by a real account"),
    "missing_var": _("a value of the template is missing"),
    "value_too_long": _("a value is longer than the provider takes"),
    "value_refused": _("a value holds a link, a line break or a signature"),
    "not_after": _("its time had passed"),
    "opted_out": _("the address is on an opt-out list"),
    "freq_cap": _("the provider's limit for one address was reached"),
    "content": _("the provider refused the content"),
    "no_grant": _("the member has granted no more messages"),
    "asked": _("found by asking the provider"),
    "receipt": _("proven by a receipt"),
    "lease": _("the sender died or was too slow; the provider will be asked"),
    "not_found": _("the provider knows nothing of it, twice"),
    "no_answer": _("the provider could not be asked"),
    "cannot_ask": _("this provider cannot be asked"),
    "merged": _("its journey went on with the member that this one was merged with"),
    "address_gone": _("the address was erased meanwhile"),
}


def label(reason: str) -> str:
    return str(REASONS.get(reason, reason))
