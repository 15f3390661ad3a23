"""The two forms of an import: which file of what, and which of its columns is which of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from cdp import attributes, identity
from cdp.admin.words import COLUMNS, IMPORTS
from cdp.admin.words import KINDS as IDENTITIES
from cdp.errors import InvalidIdentity
from cdp.imports import Sample, Wish
from cdp.ingest.accept import OWN
from cdp.ingest.files import guessing, kinds
from cdp.masks import mask
from cdp.models import Source
from config.ground import uploads

ENCODINGS = [
    ("", gettext_lazy("find out")),
    ("utf-8", "UTF-8"),
    ("gb18030", "GBK / GB 18030"),
    ("utf-16", "UTF-16"),
    ("big5", "Big5"),
]
DELIMITERS = [
    ("", gettext_lazy("find out")),
    (",", gettext_lazy("comma")),
    (";", gettext_lazy("semicolon")),
    ("\t", gettext_lazy("tab")),
    ("|", "|"),
]
KEEP, DROP = "keep", "drop"  # a column under its own name, or not at all
OPENID = "wechat_openid"


class FileForm(forms.Form):
    kind = forms.ChoiceField(
        label=gettext_lazy("what the file holds"),
        choices=[(kind.name, IMPORTS[kind.name]) for kind in kinds.KINDS],
        widget=UnfoldAdminSelectWidget,
    )
    source = forms.RegexField(
        r"^[a-z][a-z0-9_-]{0,49}$",
        label=gettext_lazy("data source"),
        help_text=gettext_lazy("The system that the file comes from: small letters, digits, _ and -."),
        widget=UnfoldAdminTextInputWidget(attrs={"list": "sources", "autocomplete": "off"}),
    )
    file = forms.FileField(label=gettext_lazy("file"), required=False)
    timezone = forms.CharField(
        label=gettext_lazy("time zone of times without one"),
        widget=UnfoldAdminTextInputWidget(attrs={"list": "zones", "autocomplete": "off"}),
    )
    encoding = forms.ChoiceField(
        label=gettext_lazy("encoding"), choices=ENCODINGS, required=False, widget=UnfoldAdminSelectWidget
    )
    delimiter = forms.ChoiceField(
        label=gettext_lazy("delimiter"), choices=DELIMITERS, required=False, widget=UnfoldAdminSelectWidget
    )
    history = forms.BooleanField(
        label=gettext_lazy("history only"),
        help_text=gettext_lazy("Profiles only: no journey starts, nobody earns points."),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )
    drop_repeated = forms.BooleanField(
        label=gettext_lazy("drop repeated lines"),
        help_text=gettext_lazy("Of one order, a line that stands there twice exactly; else it is kept and counted."),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )

    def clean_source(self) -> str:
        source: str = self.cleaned_data["source"]
        if source == OWN:
            raise forms.ValidationError(_("this name is one of ours; take another"))
        return source

    def clean_timezone(self) -> str:
        zone: str = self.cleaned_data["timezone"]
        if zone not in available_timezones():
            raise forms.ValidationError(_("%(name)s is no time zone; write one like Asia/Shanghai") % {"name": zone})
        return zone

    def refuse_file(self, too_large: bool) -> None:
        """Why there is none, when it did not arrive."""
        if too_large:
            most = uploads.LARGEST // 1024**2
            self.add_error(
                "file", _("a file has at most %(most)d MB; use the command for larger ones") % {"most": most}
            )
        elif not self.files.get("file"):
            self.add_error("file", _("choose a file"))

    def wish(self) -> Wish:
        given = {name: value for name, value in self.cleaned_data.items() if name != "file"}
        return Wish(**given)


def sources() -> list[str]:
    return list(Source.objects.exclude(code=OWN).order_by("code").values_list("code", flat=True))


class ColumnsForm(forms.Form):
    """A choice for each of their columns, and what holds for all rows."""

    def __init__(self, kind: str, sample: Sample, said: Mapping[str, Any] | None, data: Any = None) -> None:
        super().__init__(data)
        self.kind, self.sample = kinds.BY_NAME[kind], sample
        known = attributes.declared()
        declared = known if kind == "members" else {}
        self.guessed = guessing.guess(kind, sample.columns, declared)
        self.personal = {said for one in known.values() if one.personal for said in (one.name, *one.labels)}
        chosen = _chosen(said) if said else self.guessed
        choices = _choices(self.kind, declared)
        offered = {value for value, _label in _flat(choices)}
        for n, theirs in enumerate(sample.columns):
            ours = chosen.get(theirs, KEEP if self.kind.rest else DROP)
            kind_of_id, at, app = ours.partition("@")
            if at and kind_of_id in identity.PER_APP:
                self.initial["app"], ours = app, kind_of_id
            if ours not in offered:
                ours = KEEP if self.kind.rest else DROP
            self.fields[f"c{n}"] = forms.ChoiceField(
                label=theirs, choices=choices, initial=ours, widget=UnfoldAdminSelectWidget
            )
        for name in kinds.FOR_ALL.get(kind, ()):
            self.fields[f"all_{name}"] = forms.CharField(
                label=COLUMNS.get(name, name), required=False, max_length=50, widget=UnfoldAdminTextInputWidget
            )
            self.initial[f"all_{name}"] = (said or {}).get("constants", {}).get(name, "")
        if self.kind.member:
            self.fields["app"] = forms.CharField(
                label=_("AppID of the OpenIDs"), required=False, max_length=64, widget=UnfoldAdminTextInputWidget
            )

    def columns(self) -> Iterator[tuple[str, Any, list[str]]]:
        """(theirs, its field, the first cells of it: masked where they name somebody or are personal)."""
        for n, theirs in enumerate(self.sample.columns):
            cells = [row[n] for row in self.sample.rows if len(row) > n][:3]
            hidden = self._hides(theirs, n)
            yield theirs, self[f"c{n}"], [mask(cell) if cell and (hidden or _reaches(cell)) else cell for cell in cells]

    def _hides(self, theirs: str, n: int) -> bool:
        """By what its header means, and by what it is said to be: saying otherwise on the page shows nothing more."""
        meant = {theirs, self.guessed.get(theirs, ""), str(self.fields[f"c{n}"].initial), str(self[f"c{n}"].value())}
        return any(ours in self.personal or ours in (*identity.KINDS, "identities") for ours in meant)

    def for_all(self) -> list[Any]:
        return [self[name] for name in self.fields if name.startswith("all_") or name == "app"]

    def said(self) -> dict[str, Any]:
        """As `imports.bring` takes it."""
        columns: dict[str, str] = {}
        without: list[str] = []
        for n, theirs in enumerate(self.sample.columns):
            ours = self.cleaned_data[f"c{n}"]
            if ours == DROP:
                without.append(theirs)
            elif ours != KEEP:
                columns[f"{ours}@{self.cleaned_data.get('app', '')}" if ours in identity.PER_APP else ours] = theirs
        constants = {name[4:]: value for name, value in self.cleaned_data.items() if name.startswith("all_") and value}
        return {"columns": columns, "without": without, "constants": constants}

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        chosen = [given.get(f"c{n}") for n in range(len(self.sample.columns))]
        for n, ours in enumerate(chosen):
            if ours not in (KEEP, DROP, None) and ours in chosen[:n]:
                self.add_error(f"c{n}", _("another column is this one already"))
            if ours in identity.PER_APP and not given.get("app"):
                self.add_error("app", _("say of which app or mini program the OpenIDs are"))
        return given


def _reaches(cell: str) -> bool:
    """A phone number or an e-mail address, whatever its column is called."""
    for kind in ("phone", "email"):
        with suppress(InvalidIdentity):
            return bool(identity.parse(f"{kind}:{cell}"))
    return False


def _chosen(said: Mapping[str, Any]) -> dict[str, str]:
    return {theirs: ours for ours, theirs in said["columns"].items()} | dict.fromkeys(said.get("without", ()), DROP)


def _choices(kind: kinds.Kind, declared: Mapping[str, attributes.Declared]) -> list[Any]:
    """Grouped: what the kind knows, who the member is, what is declared; and what to do with the others."""
    rest = {"attributes": _("keep it under its own name"), "properties": _("keep it under its own name")}.get(kind.rest)
    other = [*([(KEEP, rest)] if rest else []), (DROP, _("leave it out"))]
    groups: list[Any] = [(_("Otherwise"), other)]
    if kind.columns:
        known = [(name, _label(COLUMNS.get(name, name), name, kind)) for name in kind.columns]
        groups.append((IMPORTS[kind.name], known))
    if kind.member:
        named = [(name, IDENTITIES.get(name, name)) for name in identity.KINDS]
        groups.append((_("Who the member is"), [*named, ("identities", _("several, as kind:value"))]))
    if declared:
        groups.append((_("Attributes"), [(one.name, one.label) for one in declared.values()]))
    return groups


def _label(label: Any, name: str, kind: kinds.Kind) -> str:
    return f"{label} *" if name in kind.required else str(label)


def _flat(choices: list[Any]) -> Iterator[tuple[str, Any]]:
    for _group, offered in choices:
        yield from offered
