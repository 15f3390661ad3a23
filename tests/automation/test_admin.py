import pytest
from django.contrib.auth.models import Permission, User
from django.utils import translation

from automation.models import Journey
from tests.automation.builders import NAMED, a_journey, advance, enrol, members

LIST = "/admin/automation/journey/"


@pytest.fixture
def staff(client):
    user = User.objects.create_user("wang", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    return user


def act(client, action, journey):
    return client.post(LIST, {"action": action, "_selected_action": [journey.pk]}, follow=True)


@pytest.mark.django_db
def test_the_pages_show_who_enters_in_words_and_how_many_did(client, staff):
    version = a_journey(entry={"not": NAMED}, holdout=0.5)
    members(40)  # whatever their numbers: some of them in each arm
    enrolled = enrol(version)
    advance()

    page = client.get(LIST).content.decode()
    with translation.override("zh-hans"):
        assert "李" in page
    assert f">{enrolled.held_out}<" in page
    detail = client.get(f"{LIST}{version.journey.pk}/change/").content.decode()
    assert "template: win-back" in detail
    assert "(&#x27;" not in detail
    assert client.get(f"/admin/automation/journeyversion/{version.pk}/change/").status_code == 200
    assert client.get("/admin/automation/enrolment/?state__exact=open").status_code == 200
    enrolment = version.journey.enrolments.exclude(state="held_out").first()
    passage = client.get(f"/admin/automation/enrolment/{enrolment.pk}/change/").content.decode()
    assert "enqueued" not in passage
    assert "消息已交付发送" in passage
    message = enrolment.runs.exclude(message=None).get().message
    assert f'href="/admin/connectors/message/{message}/change/"' in passage


@pytest.mark.django_db
def test_the_pages_show_what_begins_a_journey_in_words(client, staff):
    where = {"event": "amount", "op": ">", "value": 99}
    by_event = {"event": {"type": "cart_add", "timezone": "Asia/Shanghai", "where": where}}
    scheduled, triggered = a_journey("daily"), a_journey("cart", trigger=by_event)

    def shown(version):
        return client.get(f"{LIST}{version.journey.pk}/change/").content.decode()

    assert "按日程 0 10 * * *（Asia/Shanghai）" in shown(scheduled)
    assert "每次发生事件 cart_add，且触发事件的 amount 大于99" in shown(triggered)
    page = client.get(f"/admin/automation/journeyversion/{triggered.pk}/change/").content.decode()
    assert "每次发生事件 cart_add" in page


@pytest.mark.django_db
def test_a_button_needs_the_right_to_change_and_calls_the_verb(client, staff):
    version = a_journey()

    act(client, "pause", version.journey)
    assert Journey.objects.get().state == "live"

    staff.user_permissions.add(Permission.objects.get(codename="change_journey"))
    act(client, "pause", version.journey)
    assert Journey.objects.get().state == "paused"
    refused = act(client, "pause", version.journey)
    assert Journey.objects.get().state == "paused"
    assert [message.level_tag for message in refused.context["messages"]] == ["error"]


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["journey/add/", "enrolment/add/", "journeyversion/add/"])
def test_nothing_is_written_by_hand(client, page):
    client.force_login(User.objects.create_superuser("root"))

    assert client.get(f"/admin/automation/{page}").status_code == 403
