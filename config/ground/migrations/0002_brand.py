from django.conf import settings
from django.db import migrations


def seed(apps, schema_editor):
    apps.get_model("ground", "Brand").objects.get_or_create(
        pk=1, defaults={"name": "Huitou", "timezone": settings.TIME_ZONE}
    )


class Migration(migrations.Migration):
    dependencies = [("ground", "0001_initial")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
