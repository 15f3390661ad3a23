"""RFM, said once: cut points and means of a population of buyers, and by them anybody's scores, group and class.

Cut points are `percentile_disc` at .2 .4 .6 .8; a value's score is 1 + the number of cut points that it exceeds, so equal values
score equal; recency is turned round, so that the most recent score 5. High is better than or equal to the mean: means are kept as
a sum and a count, so that the comparison is exact. Nothing of this is stored per member: a new day would rewrite everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

# By the bits R F M, from 000 to 111.
GROUPS = (
    ("general_win_back", _("general, to win back")),
    ("important_win_back", _("important, to win back")),
    ("general_keep", _("general, to keep")),
    ("important_keep", _("important, to keep")),
    ("general_develop", _("general, to develop")),
    ("important_develop", _("important, to develop")),
    ("general_value", _("general value")),
    ("important_value", _("important value")),
)
CLASSES = (
    ("high", _("high value")),
    ("middle", _("middle value")),
    ("potential", _("potential")),
    ("lost", _("lost")),
)
_CLASS_OF = ("lost", "lost", "lost", "lost", "potential", "middle", "middle", "high")  # by the same bits

COLUMNS = (
    "buyers",
    "recency_cuts",
    "frequency_cuts",
    "monetary_cuts",
    "recency_sum",
    "frequency_sum",
    "monetary_sum",
)


@dataclass(frozen=True)
class Measured:
    """SQL expressions of a population's figures, in the place of the columns of a population run."""

    buyers: str
    recency_cuts: str
    frequency_cuts: str
    monetary_cuts: str
    recency_sum: str
    frequency_sum: str
    monetary_sum: str

    @classmethod
    def of(cls, alias: str) -> Measured:
        return cls(*(f"{alias}.{name}" for name in COLUMNS))


def population(buyers: str) -> str:
    """SQL: one row of COLUMNS over (recency int, frequency int, monetary bigint) of members with a purchase, a relation or a
    query in parentheses. Cuts and sums are NULL when there are none.
    """
    cuts = "percentile_disc(ARRAY[.2, .4, .6, .8]) WITHIN GROUP (ORDER BY {0}) AS {0}_cuts"
    measures = ("recency", "frequency", "monetary")
    return f"""(SELECT count(*) AS buyers, {", ".join(cuts.format(name) for name in measures)},
                       {", ".join(f"sum({name})::bigint AS {name}_sum" for name in measures)}
                FROM {buyers} buyers)"""


def recency_score(recency: str, by: Measured) -> str:
    """SQL, 1 to 5 over whole days."""
    return f"(5 - {_exceeded(recency, by.recency_cuts)})"


def frequency_score(frequency: str, by: Measured) -> str:
    return f"(1 + {_exceeded(frequency, by.frequency_cuts)})"


def monetary_score(monetary: str, by: Measured) -> str:
    return f"(1 + {_exceeded(monetary, by.monetary_cuts)})"


def group(recency: str, frequency: str, monetary: str, by: Measured) -> str:
    """SQL: one of GROUPS."""
    return _of_bits([value for value, _label in GROUPS], recency, frequency, monetary, by)


def group_class(recency: str, frequency: str, monetary: str, by: Measured) -> str:
    """SQL: one of CLASSES."""
    return _of_bits(_CLASS_OF, recency, frequency, monetary, by)


def _exceeded(value: str, cuts: str) -> str:
    """How many of the cuts are below a whole number: at most the number before it."""
    return f"width_bucket(({value})::bigint - 1, ({cuts})::bigint[])"


def _of_bits(values: list[str] | tuple[str, ...], recency: str, frequency: str, monetary: str, by: Measured) -> str:
    named = ", ".join(f"'{value}'" for value in values)
    high = (
        f"(({recency})::bigint * {by.buyers} <= {by.recency_sum})::int",
        f"(({frequency})::bigint * {by.buyers} >= {by.frequency_sum})::int",
        f"(({monetary})::numeric * {by.buyers} >= {by.monetary_sum})::int",
    )
    return f"(ARRAY[{named}])[1 + 4 * {high[0]} + 2 * {high[1]} + {high[2]}]"
