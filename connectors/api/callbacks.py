"""Where providers call back. They sign nothing, so the path holds a secret; a wrong one looks like a place that is not there."""

from __future__ import annotations

import hmac

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from config.ground import clock
from connectors import receipts
from connectors.errors import CallbackRefused
from connectors.models import ProviderAccount
from connectors.provider import PROVIDERS


@csrf_exempt
@require_POST
def receive(request: HttpRequest, provider: str, account: str, secret: str) -> HttpResponse:
    """Answered only when what was heard is stored, so that the provider repeats what was not."""
    found = ProviderAccount.objects.filter(key=account, provider=provider).first()
    expected = found.open().get("callback", "") if found else ""
    if not found or not expected or not hmac.compare_digest(expected.encode(), secret.encode()):
        raise Http404
    try:
        heard, answer = PROVIDERS.get(provider).callback(request.body)
    except RequestDataTooBig:
        return HttpResponse(status=413)
    except CallbackRefused as refused:
        return JsonResponse({"code": 400, "msg": str(refused)}, status=400)
    receipts.record(found, heard, now=clock.now())
    return JsonResponse(answer)
