import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("cdp", "0034_who_brought_it"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='consentrecord',
            name='a_consent_is_recorded_once',
        ),
        migrations.AddField(
            model_name='consent',
            name='merge',
            field=models.ForeignKey(db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cdp.merge'),
        ),
        migrations.AddField(
            model_name='consentrecord',
            name='during',
            field=models.ForeignKey(db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cdp.merge'),
        ),
        migrations.AddField(
            model_name='consentrecord',
            name='identity',
            field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='cdp.identity'),
        ),
        migrations.AddField(
            model_name='consentrecord',
            name='merge',
            field=models.ForeignKey(db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cdp.merge'),
        ),
        migrations.AddField(
            model_name='membertag',
            name='said_by',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, editable=False, size=None),
        ),
        migrations.AddConstraint(
            model_name='consentrecord',
            constraint=models.UniqueConstraint(condition=models.Q(('during', None), ('merge', None)), fields=('member', 'channel', 'purpose', 'at', 'state'), name='a_consent_is_recorded_once'),
        ),
        migrations.AddConstraint(
            model_name='consentrecord',
            constraint=models.UniqueConstraint(fields=('member', 'channel', 'purpose', 'at', 'state', 'identity', 'merge', 'during'), name='a_word_of_one_who_is_two_is_recorded_once', nulls_distinct=False),
        ),
    ]
