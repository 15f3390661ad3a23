import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("cdp", "0033_insight"),
    ]

    operations = [
        migrations.AddField(
            model_name='identity',
            name='brought_by',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='cdp.identity'),
        ),
    ]
