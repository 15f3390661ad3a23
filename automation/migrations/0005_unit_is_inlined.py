from django.db import migrations

# What it calls is stable only by declaration (convert_to, text || bigint), and PostgreSQL does not inline an immutable function
# over those: each member cost a call of a function, four times as much as the expression itself.
class Migration(migrations.Migration):
    dependencies = [("automation", "0004_conversion_by_time")]
    operations = [
        migrations.RunSQL(
            "ALTER FUNCTION automation_unit(text, bigint) STABLE", "ALTER FUNCTION automation_unit(text, bigint) IMMUTABLE"
        ),
    ]
