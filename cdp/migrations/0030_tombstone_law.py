from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cdp", "0029_tombstones")]
    operations = [
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(("erased_at", None))
                | models.Q(("registered_at", None), ("synthetic", False)),
                name="nothing_else_is_known_of_an_erased_member",
            ),
        ),
    ]
