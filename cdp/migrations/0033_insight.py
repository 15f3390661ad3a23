from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("cdp", "0032_features"),
    ]

    operations = [
        migrations.CreateModel(
            name='Insight',
            fields=[
            ],
            options={
                'verbose_name': 'insight',
                'verbose_name_plural': 'insight',
                'default_permissions': ('view',),
                'proxy': True,
                'indexes': [],
                'constraints': [],
            },
            bases=('cdp.populationrun',),
        ),
    ]
