"""What the OpenAPI document says before its calls. Settings import this, so it imports no Django."""

from __future__ import annotations

from typing import Any

ABOUT = """Member-marketing automation. What all calls share:

**Keys.** `Authorization: Bearer <key>`. A key carries scopes, is bound to one source, and sees the members that its source
has told of (everybody with `members:all`). It may have a list of addresses from which it opens anything.

**Requests.** JSON in UTF-8, at most 5 MB and 32 levels deep, read strictly: unknown fields and parameters, an object that
says a key twice, numbers as text, instants without their offset and NUL are refused. An ingest call has at most 1,000 rows.
`X-Request-ID` comes back in the answer and stands in every line of our log.

**Members.** Wherever `{member}` stands in a path, a member id or an identity `kind:value` may stand, such as
`phone:+8613900000001` or `wechat_openid@wxAPPID:oABC`.

**Values.** Instants are ISO 8601 with their offset. Money is a whole number in minor units with `currency` beside it. Points
are decimal strings.

**Refusals.** `application/problem+json` (RFC 9457) with a stable `code`, a `detail` in the language of `Accept-Language`
(`zh-hans`, `en`), the `request_id`, and for fields `errors: [{path, code, message}]`.

**Rates.** Each key has so many calls a minute; beyond them 429 with `Retry-After`. Every answer to a key carries
`X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`. So many events a minute are taken for one member; those
beyond are rejected rows.

**Repeats.** An ingest row is stored once per source and id, so a batch may be sent again as it is. Every other POST takes an
`Idempotency-Key`: the same key and call have the first answer (`Idempotency-Replayed: true`), another call with it is 409. A
refusal is not kept.

**Pages.** `?limit=` is 100, at most 1000; send `next` back as `?cursor=` until it is null.

**Signing.** A key may have a signing secret; then `X-Signature-Timestamp`, `X-Signature-Nonce` and `X-Signature` (HMAC-
SHA256 over method, path, query, timestamp, nonce and the body's SHA-256) let a call in once, at its moment. The exact text
is in docs/api.md.
"""

TAGS = {
    "ingest": "What happened comes in: members, products, orders, refunds, events.",
    "members": "One member: profile, consents, all that happened.",
    "conditions": "Questions about members: how they are written, and why one is or is not true of a member.",
    "insight": "What the members are like as of an instant, from facts alone.",
    "segments": "Groups of members by a condition or by hand: made, previewed, read page by page.",
    "journeys": "Who is in a journey, and what it caused.",
    "jobs": "Long work that a call started: how far it is, and its file.",
    "metrics": "Figures of all that came in.",
}

SPECTACULAR: dict[str, Any] = {
    "TITLE": "Huitou",
    "DESCRIPTION": ABOUT,
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "TAGS": [{"name": name, "description": text} for name, text in TAGS.items()],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": ["config.ground.openapi.complete"],
}
