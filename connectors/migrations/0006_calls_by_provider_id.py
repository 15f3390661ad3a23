from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connectors", "0005_erased_addresses")]
    operations = [
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(
                condition=~models.Q(provider_id=""), fields=["account", "provider_id"], name="submission_by_provider_id"
            ),
        ),
    ]
