from django.db import migrations, models

LIVE = """
ALTER TABLE automation_journeyversion ADD CONSTRAINT a_version_belongs_to_one_journey UNIQUE (id, journey_id);
ALTER TABLE automation_journey ADD CONSTRAINT the_live_version_is_of_this_journey
    FOREIGN KEY (live_id, id) REFERENCES automation_journeyversion (id, journey_id);
"""
NO_LIVE = """
ALTER TABLE automation_journey DROP CONSTRAINT the_live_version_is_of_this_journey;
ALTER TABLE automation_journeyversion DROP CONSTRAINT a_version_belongs_to_one_journey;
"""


class Migration(migrations.Migration):
    dependencies = [("automation", "0002_laws")]
    operations = [
        migrations.RunSQL(LIVE, NO_LIVE),
        migrations.AddConstraint(
            model_name='enrolment',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'done', 'exited', 'failed', 'held_out'])), name='an_enrolment_is_in_a_known_state'),
        ),
        migrations.RunSQL(
            """CREATE TRIGGER step_runs_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON automation_steprun
               FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_change()""",
            "DROP TRIGGER step_runs_are_append_only ON automation_steprun",
        ),
    ]
