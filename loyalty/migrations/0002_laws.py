from django.db import migrations

TABLES = {"entries": "loyalty_entry", "legs": "loyalty_leg"}


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0001_initial"), ("cdp", "0002_laws")]
    operations = [
        migrations.RunSQL(
            f"""CREATE TRIGGER {name}_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_change()""",
            f"DROP TRIGGER {name}_are_append_only ON {table}",
        )
        for name, table in TABLES.items()
    ]
