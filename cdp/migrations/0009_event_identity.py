from django.db import migrations

ADD = "ALTER TABLE cdp_event ADD COLUMN identity_id bigint"


class Migration(migrations.Migration):
    dependencies = [("cdp", "0008_oneid")]
    operations = [migrations.RunSQL(ADD, "ALTER TABLE cdp_event DROP COLUMN identity_id")]
