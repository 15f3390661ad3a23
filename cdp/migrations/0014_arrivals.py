from django.db import migrations

# By when rows arrived: they are appended in that order, so a BRIN index costs next to nothing and finds the days asked for.
ARRIVALS = {
    "order_by_arrival": "cdp_order USING brin (recorded_at)",
    "refund_by_arrival": "cdp_refund USING brin (recorded_at)",
    "event_by_arrival": "cdp_event USING brin (recorded_at)",
    "member_by_arrival": "cdp_member USING brin (created_at)",
    "identity_by_arrival": "cdp_identity USING brin (created_at)",
}


class Migration(migrations.Migration):
    dependencies = [("cdp", "0013_ingest_calls")]
    operations = [
        *(
            migrations.RunSQL(
                f"CREATE INDEX {name} ON {table} WITH (autosummarize = on)", f"DROP INDEX {name}"
            )
            for name, table in ARRIVALS.items()
        ),
        # Sealed bytes do not compress: none are spent on trying.
        migrations.RunSQL(
            "ALTER TABLE cdp_ingestbody ALTER COLUMN sealed SET STORAGE EXTERNAL",
            "ALTER TABLE cdp_ingestbody ALTER COLUMN sealed SET STORAGE EXTENDED",
        ),
    ]
