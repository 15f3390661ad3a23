from django.db import migrations

# Whose a refund is follows from its order, when it comes and whenever its order changes hands; so only a return without an order
# can be given to somebody. All else of a refund stays as it was told.
FOLLOW = """
DROP TRIGGER refunds_are_append_only ON cdp_refund;
UPDATE cdp_refund r SET member_id = o.member_id FROM cdp_order o WHERE o.id = r.order_id;

CREATE FUNCTION cdp_take_orders_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT member_id INTO NEW.member_id FROM cdp_order WHERE id = NEW.order_id;
    RETURN NEW;
END $$;
CREATE TRIGGER a_refund_is_its_orders_members BEFORE INSERT OR UPDATE OF member_id ON cdp_refund
    FOR EACH ROW WHEN (NEW.order_id IS NOT NULL) EXECUTE FUNCTION cdp_take_orders_member();

CREATE FUNCTION cdp_refunds_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cdp_refund SET member_id = NEW.member_id WHERE order_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER refunds_follow_their_order AFTER UPDATE OF member_id ON cdp_order
    FOR EACH ROW WHEN (OLD.member_id IS DISTINCT FROM NEW.member_id AND NEW.refunded > 0)
    EXECUTE FUNCTION cdp_refunds_follow();

CREATE TRIGGER refunds_are_append_only BEFORE DELETE OR TRUNCATE
    OR UPDATE OF id, order_id, source_id, external_id, refunded_at, amount, recorded_at ON cdp_refund
    FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_change();
"""
UNFOLLOW = """
DROP TRIGGER refunds_follow_their_order ON cdp_order;
DROP FUNCTION cdp_refunds_follow;
DROP TRIGGER a_refund_is_its_orders_members ON cdp_refund;
DROP FUNCTION cdp_take_orders_member;
DROP TRIGGER refunds_are_append_only ON cdp_refund;
CREATE TRIGGER refunds_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cdp_refund
    FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("cdp", "0022_returns_and_exchanges")]
    operations = [migrations.RunSQL(FOLLOW, UNFOLLOW)]
