from django.db import migrations

# Relative, so that two who refund one order at the same moment add up; the order's row lock makes one of them wait, and the
# check `refunds_never_exceed_the_order` then sees both.
ADD_UP = """
CREATE FUNCTION cdp_add_refunds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM cdp_order WHERE id IN (SELECT order_id FROM fresh) ORDER BY id FOR NO KEY UPDATE;
    UPDATE cdp_order o SET refunded = o.refunded + f.amount
    FROM (SELECT order_id, sum(amount)::bigint AS amount FROM fresh GROUP BY order_id) f WHERE o.id = f.order_id;
    RETURN NULL;
END $$;
CREATE TRIGGER refunds_add_up_on_their_order AFTER INSERT ON cdp_refund
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION cdp_add_refunds();
CREATE TRIGGER refunds_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cdp_refund
    FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("cdp", "0004_refunds")]
    operations = [
        migrations.RunSQL(
            ADD_UP,
            "DROP TRIGGER refunds_are_append_only ON cdp_refund;"
            " DROP TRIGGER refunds_add_up_on_their_order ON cdp_refund; DROP FUNCTION cdp_add_refunds",
        ),
    ]
