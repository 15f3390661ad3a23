"""The same figures from the source's own files, by DuckDB: another engine, other statements, nothing of ours but the definitions.

A rank is taken from a sorted list by whole numbers: the value of rank ceil(p n), counted from 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

SETUP = """
    CREATE MACRO at_percent(l, p) AS list_sort(l)[(len(l) * p + 99) // 100];
    CREATE MACRO here(t) AS timezone('America/New_York', timezone('UTC', t));
    CREATE TABLE baskets AS
        SELECT household_id AS h, basket_id, min(transaction_timestamp) AS at, here(min(transaction_timestamp))::date AS day,
               sum(round(sales_value * 100)::bigint)::bigint AS fen
        FROM transactions WHERE household_id IN (SELECT household_id FROM chosen) AND here(transaction_timestamp) <= '{until}'
        GROUP BY household_id, basket_id;
    CREATE TABLE visits AS SELECT h, list_sort(list_distinct(list(day))) AS days FROM baskets GROUP BY h;
    CREATE TABLE base AS
        SELECT at_percent(list(gap), 50) AS base
        FROM (SELECT unnest(list_transform(range(2, len(days) + 1), lambda k: date_diff('day', days[k - 1], days[k]))) AS gap FROM visits);
    CREATE TABLE people AS
        SELECT h, count(*) AS orders, sum(fen)::bigint AS fen, len(any_value(days)) AS n,
               date_diff('day', any_value(days)[-1], '{today}'::date) AS d,
               coalesce(sum(fen) FILTER (WHERE day > '{today}'::date - 365), 0)::bigint AS fen_365,
               (3 * any_value(base) + date_diff('day', any_value(days)[1], any_value(days)[-1]))::double
                   / (2 + len(any_value(days))) AS i
        FROM baskets JOIN visits USING (h), base GROUP BY h;
    CREATE TABLE cuts AS
        SELECT list_transform([20, 40, 60, 80], lambda p: at_percent(list(d), p)) AS d,
               list_transform([20, 40, 60, 80], lambda p: at_percent(list(orders), p)) AS orders,
               list_transform([20, 40, 60, 80], lambda p: at_percent(list(fen), p)) AS fen FROM people;
    CREATE TABLE tiers AS
        SELECT at_percent(list(fen_365), 70) AS middle, at_percent(list(fen_365), 95) AS top FROM people WHERE fen_365 > 0;
    CREATE TABLE placed AS
        SELECT h, n, people.fen,
               CASE WHEN people.d > greatest(3 * i, 90) THEN 'churned'
                    WHEN people.d > greatest(1.5 * i, if(n = 1, 60, 30)) THEN 'dormant'
                    WHEN n >= 2 AND people.d >= greatest(0.8 * i, 14) THEN 'critical'
                    WHEN n = 1 THEN 'first_purchase' ELSE 'active' END AS stage,
               CASE WHEN fen_365 > 0 AND fen_365 >= top THEN 'top' WHEN fen_365 > 0 AND fen_365 >= middle THEN 'middle'
                    ELSE 'base' END AS tier,
               concat(5 - len(list_filter(cuts.d, lambda c: c < people.d)),
                      1 + len(list_filter(cuts.orders, lambda c: c < people.orders)),
                      1 + len(list_filter(cuts.fen, lambda c: c < people.fen))) AS score,
               concat((people.d * k <= all_d)::int, (people.orders * k >= all_orders)::int, (people.fen * k >= all_fen)::int) AS bits
        FROM people, cuts, tiers,
             (SELECT count(*) AS k, sum(d) AS all_d, sum(orders) AS all_orders, sum(fen) AS all_fen FROM people) sums;
"""


class Oracle:
    """`tables`: the views of the source's files and `chosen` households. `until`, `today`: on the brand's wall."""

    def __init__(self, db: Any, *, until: str) -> None:
        self.db = db.cursor()
        self.db.execute("SET TimeZone = 'UTC'")
        for statement in SETUP.format(until=until, today=until[:10]).split(";")[:-1]:
            self.db.execute(statement.replace("CREATE ", "CREATE OR REPLACE TEMP ", 1))
        self.until = until

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.db.execute(query).fetchall()

    def one(self, query: str) -> Any:
        [(value,)] = self.rows(query)
        return value

    def counts(self, what: str, names: Iterable[str] = ()) -> dict[str, int]:
        return dict.fromkeys(names, 0) | dict(self.rows(f"SELECT {what}, count(*) FROM placed GROUP BY 1"))

    def insight(self) -> dict[str, Any]:
        stages = ("new", "first_purchase", "active", "critical", "dormant", "churned")
        groups = [f"{n:03b}" for n in range(8)]
        buyers = self.one("SELECT count(*) FROM people")
        return {
            "members": self.one("SELECT count(*) FROM chosen"),
            "buyers": buyers,
            "base_interval_days": self.one("SELECT base FROM base"),
            "repeat_rate": self.one("SELECT count(*) FROM people WHERE n > 1") / buyers,
            "stages": self.counts("stage", stages),
            "value_tiers": self.counts("tier", ("top", "middle", "base")),
            "rfm": {
                "cuts": dict(
                    zip(
                        ("recency", "frequency", "monetary"),
                        self.rows("SELECT d, orders, fen FROM cuts")[0],
                        strict=True,
                    )
                ),
                "scores": self.counts("score"),
                "groups": self.counts("bits", groups),
            },
            "revenue_shares": self.shares(),
            "cohorts": self.cohorts(),
        }

    def shares(self) -> dict[str, float]:
        amounts = sorted((fen for (fen,) in self.rows("SELECT fen FROM people")), reverse=True)
        first, second = (int(len(amounts) * share + 0.5) for share in (0.05, 0.25))
        parts = amounts[:first], amounts[first : first + second], amounts[first + second :]
        return dict(zip(("top5", "next25", "rest70"), (sum(part) / sum(amounts) for part in parts), strict=True))

    def cohorts(self) -> list[dict[str, Any]]:
        months: dict[Any, set[tuple[int, int]]] = {}
        for household, day in self.rows("SELECT h, day FROM baskets"):
            months.setdefault(household, set()).add((day.year, day.month))
        end = int(self.until[:4]) * 12 + int(self.until[5:7])
        found: dict[tuple[int, int], list[int]] = {}
        for purchased in months.values():
            first = min(purchased)
            row = found.setdefault(first, [0] * (end - first[0] * 12 - first[1] + 1))
            for year, month in purchased:
                row[(year - first[0]) * 12 + month - first[1]] += 1
        return [
            {"month": f"{year}-{month:02}", "size": row[0], "retained": row}
            for (year, month), row in sorted(found.items())
        ]

    def departments(self, stage: str) -> dict[str, tuple[int, int]]:
        """Top level of what was bought -> buyers who stand at the stage, and all buyers."""
        return {
            department: (of_stage, everybody)
            for department, of_stage, everybody in self.rows(f"""
                SELECT coalesce(department, product_category, product_type) AS top,
                       count(DISTINCT h) FILTER (WHERE stage = '{stage}'), count(DISTINCT h)
                FROM transactions t JOIN products USING (product_id) JOIN placed ON h = t.household_id
                WHERE here(transaction_timestamp) <= '{self.until}' AND top IS NOT NULL GROUP BY top""")
        }

    def gaps(self) -> list[int]:
        rows = self.rows("SELECT days FROM visits")
        return [(after - before).days for (days,) in rows for before, after in pairwise(days)]

    def second(self, within: int) -> tuple[int, int]:
        [row] = self.rows(f"""
            SELECT count(*) FILTER (WHERE date_diff('day', days[1], days[2]) <= {within}), count(*) FROM visits
            WHERE date_diff('day', days[1], '{self.until[:10]}'::date) >= {within}""")
        return row
