"""The statements of intake: each takes the whole batch at once."""

from registry.statements import BOOL, ID, JSON, REAL, TEXT, TIME, Statement

CONVERSATIONS = Statement(
    """
    SELECT c.channel, c.account, c.key, c.id, coalesce(p.merged_into_id, c.contact_id),
      c.appeal_id, c.last_inbound_at,
      p.language, p.language_fixed, p.name
    FROM {rows} JOIN conversations c
      ON c.channel = r.channel AND c.account = r.account AND c.key = r.key
    JOIN contacts p ON p.id = c.contact_id
    ORDER BY c.id {lock:c}
    """,
    channel=TEXT,
    account=TEXT,
    key=TEXT,
)

HOLD_PRIVATE = Statement(
    """
    SELECT c.id FROM {rows} JOIN conversations c
      ON c.contact_id = r.contact_id AND c.channel = r.channel AND c.account = r.account
        AND NOT c.public
    ORDER BY c.id {lock:c}
    """,
    channel=TEXT,
    account=TEXT,
    contact_id=ID,
)
"""Locks the private conversations of people, so that two processes never rename one at once."""

RENAME = Statement(
    """
    UPDATE conversations SET
      key = r.key,
      point_id = coalesce(
        (SELECT p.id FROM contact_points p
         WHERE p.scheme = r.scheme AND p.value = conversations.key AND p.contact_id = r.contact_id),
        conversations.point_id)
    FROM {rows} WHERE conversations.contact_id = r.contact_id
      AND conversations.channel = r.channel AND conversations.account = r.account
      AND NOT EXISTS (
        SELECT 1 FROM conversations taken
        WHERE taken.channel = r.channel AND taken.account = r.account AND taken.key = r.key)
      AND conversations.id = (
        SELECT max(meant.id) FROM conversations meant
        WHERE meant.contact_id = r.contact_id AND meant.channel = r.channel
          AND meant.account = r.account AND NOT meant.public
          AND (meant.point_id = r.point_id OR r.told_together AND NOT EXISTS (
            SELECT 1 FROM conversations another
            WHERE another.contact_id = r.contact_id AND another.channel = r.channel
              AND another.account = r.account AND NOT another.public
              AND another.id <> meant.id)))
    """,
    channel=TEXT,
    account=TEXT,
    key=TEXT,
    contact_id=ID,
    scheme=TEXT,
    point_id=ID,
    told_together=BOOL,
)
"""The private conversation that a point named goes on under the name that the provider gives now;
its point keeps the name from before. Where several names were told together, and the person has one
conversation, it is that one."""

SET_LANGUAGES = Statement(
    """
    UPDATE contacts SET language = r.language
    FROM {rows} WHERE contacts.id = r.id AND NOT contacts.language_fixed
    """,
    id=ID,
    language=TEXT,
)

UNDER_WAY = Statement(
    """
    SELECT c.channel, c.account, c.key, d.message_id, CAST(d.parts AS text), d.next_part,
      m.state_at
    FROM {rows} JOIN conversations c
      ON c.channel = r.channel AND c.account = r.account AND c.key = r.key
    JOIN conversations o ON o.contact_id = c.contact_id AND o.channel = c.channel
      AND o.account = c.account
    JOIN messages m ON m.conversation_id = o.id AND m.idempotency_key IS NOT NULL
      AND m.direction = 'out' AND m.state IN ('sending', 'uncertain')
    JOIN dispatches d ON d.message_id = m.id AND d.state IN ('sending', 'uncertain')
    ORDER BY d.id
    """,
    channel=TEXT,
    account=TEXT,
    key=TEXT,
)
"""Messages of ours whose call may have gone out, to those who speak in the conversations named: a
private reply to a comment comes back in another conversation. All that we send has a key, and its
index finds them."""

NAME_CONTACTS = Statement(
    """
    UPDATE contacts SET name = r.name
    FROM {rows} WHERE contacts.id = r.id AND contacts.name IS NULL
    """,
    id=ID,
    name=TEXT,
)

RECENT_APPEALS = Statement(
    """
    SELECT r.contact_id, count(a.id) FROM {rows}
    JOIN appeals a ON a.contact_id = r.contact_id AND a.opened_at > r.since
    GROUP BY r.contact_id
    """,
    contact_id=ID,
    since=TIME,
)

POINTS = Statement(
    """
    SELECT p.scheme, p.value, p.id, coalesce(c.merged_into_id, p.contact_id), c.language,
      c.language_fixed, c.name
    FROM {rows} JOIN contact_points p ON p.scheme = r.scheme AND p.value = r.value
    JOIN contacts c ON c.id = p.contact_id
    """,
    scheme=TEXT,
    value=TEXT,
)

NAMES = Statement(
    """
    SELECT p.contact_id, p.scheme, p.value
    FROM {rows} JOIN contact_points p ON p.contact_id = r.contact_id
    """,
    contact_id=ID,
)
"""By what names contacts are known."""

ADD_POINTS = Statement(
    """
    INSERT INTO contact_points (id, contact_id, scheme, value, created_at)
    SELECT id, contact_id, scheme, value, created_at FROM {rows} WHERE true
    ON CONFLICT (scheme, value) DO NOTHING
    RETURNING id
    """,
    id=ID,
    contact_id=ID,
    scheme=TEXT,
    value=TEXT,
    created_at=TIME,
)

ADD_CONTACTS = Statement(
    """
    INSERT INTO contacts (id, name, language, created_at)
    SELECT id, name, language, created_at FROM {rows}
    """,
    id=ID,
    name=TEXT,
    language=TEXT,
    created_at=TIME,
)

REMOVE_CONTACTS = Statement("DELETE FROM contacts WHERE id IN (SELECT r.id FROM {rows})", id=ID)

ADD_CONVERSATIONS = Statement(
    """
    INSERT INTO conversations
      (id, channel, account, key, public, contact_id, point_id, created_at)
    SELECT id, channel, account, key, public, contact_id, point_id, created_at
    FROM {rows} WHERE true
    ON CONFLICT (channel, account, key) DO NOTHING
    RETURNING id
    """,
    id=ID,
    channel=TEXT,
    account=TEXT,
    key=TEXT,
    public=BOOL,
    contact_id=ID,
    point_id=ID,
    created_at=TIME,
)

APPEALS = Statement(
    """
    SELECT a.id, a.number, a.status, a.resolved_at, a.opened_at
    FROM {rows} JOIN appeals a ON a.id = r.id ORDER BY a.id {lock:a}
    """,
    id=ID,
)

TERMS = Statement(
    """
    SELECT a.id, a.kind, a.category, a.due_fixed, a.due_at, a.first_response_due,
      a.first_response_at
    FROM {rows} JOIN appeals a ON a.id = r.id ORDER BY a.id
    """,
    id=ID,
)

SET_TERMS = Statement(
    """
    UPDATE appeals SET reopened_at = r.now, due_at = r.due_at, due_fixed = r.due_fixed,
      first_response_due = r.first_response_due, escalated_at = NULL
    FROM {rows} WHERE appeals.id = r.id
    """,
    id=ID,
    due_at=TIME,
    due_fixed=BOOL,
    first_response_due=TIME,
    now=TIME,
)

KNOWN = Statement(
    """
    SELECT e.channel, e.account, e.external_id, m.id, m.appeal_id, a.number
    FROM {rows} JOIN external_ids e
      ON e.channel = r.channel AND e.account = r.account AND e.external_id = r.external_id
    JOIN messages m ON m.id = e.message_id
    LEFT JOIN appeals a ON a.id = m.appeal_id
    """,
    channel=TEXT,
    account=TEXT,
    external_id=TEXT,
)

ALBUMS = Statement(
    """
    SELECT m.conversation_id, m.album, m.id, m.appeal_id, m.text <> '', a.number
    FROM {rows} JOIN messages m
      ON m.conversation_id = r.conversation_id AND m.album = r.album
    LEFT JOIN appeals a ON a.id = m.appeal_id
    """,
    conversation_id=ID,
    album=TEXT,
)

COUNT = Statement(
    """
    INSERT INTO counters (name, value) SELECT name, value FROM {rows} WHERE true
    ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value
    RETURNING value
    """,
    name=TEXT,
    value=ID,
)

ADD_APPEALS = Statement(
    """
    INSERT INTO appeals
      (id, number, channel, account, conversation_id, contact_id, language, subject,
       opened_at, last_message_at, message_count, unread, latitude, longitude, waiting_since,
       first_response_at, first_response_due, due_at)
    SELECT id, number, channel, account, conversation_id,
       coalesce((SELECT p.merged_into_id FROM contacts p WHERE p.id = r.contact_id), r.contact_id),
       language, subject,
       opened_at, last_message_at, message_count, unread, latitude, longitude, waiting_since,
       first_response_at, first_response_due, due_at
    FROM {rows}
    """,
    id=ID,
    number=TEXT,
    channel=TEXT,
    account=TEXT,
    conversation_id=ID,
    contact_id=ID,
    language=TEXT,
    subject=TEXT,
    opened_at=TIME,
    last_message_at=TIME,
    message_count=ID,
    unread=ID,
    latitude=REAL,
    longitude=REAL,
    waiting_since=TIME,
    first_response_at=TIME,
    first_response_due=TIME,
    due_at=TIME,
)

ADD_MESSAGES = Statement(
    """
    INSERT INTO messages
      (id, appeal_id, conversation_id, direction, text, author, sent_at, sequence, created_at,
       reply_to, origin, album, unreadable, state, state_at, language)
    SELECT id, appeal_id, conversation_id, direction, text, author, sent_at, sequence, created_at,
       reply_to, origin, album, unreadable, state, state_at, language
    FROM {rows}
    """,
    id=ID,
    appeal_id=ID,
    conversation_id=ID,
    direction=TEXT,
    text=TEXT,
    author=TEXT,
    sent_at=TIME,
    sequence=ID,
    created_at=TIME,
    reply_to=TEXT,
    origin=TEXT,
    album=TEXT,
    unreadable=BOOL,
    state=TEXT,
    state_at=TIME,
    language=TEXT,
)

ADD_EXTERNAL_IDS = Statement(
    """
    INSERT INTO external_ids (channel, account, external_id, message_id, part, state)
    SELECT channel, account, external_id, message_id, part, state FROM {rows}
    """,
    channel=TEXT,
    account=TEXT,
    external_id=TEXT,
    message_id=ID,
    part=ID,
    state=TEXT,
)

SET_CAPTIONS = Statement(
    "UPDATE messages SET text = r.text FROM {rows} WHERE messages.id = r.id",
    id=ID,
    text=TEXT,
)

ADD_ATTACHMENTS = Statement(
    """
    INSERT INTO attachments
      (id, message_id, position, channel, account, kind, ref, name, mime, size, state, retry_at,
       latitude, longitude, created_at)
    SELECT id, message_id, position, channel, account, kind, ref, name, mime, size, state, retry_at,
       latitude, longitude, created_at
    FROM {rows}
    """,
    id=ID,
    message_id=ID,
    position=ID,
    channel=TEXT,
    account=TEXT,
    kind=TEXT,
    ref=TEXT,
    name=TEXT,
    mime=TEXT,
    size=ID,
    state=TEXT,
    retry_at=TIME,
    latitude=REAL,
    longitude=REAL,
    created_at=TIME,
)

ADD_EVENTS = Statement(
    """
    INSERT INTO journal (id, at, event, actor, appeal_id, message_id, contact_id, data, key)
    SELECT id, at, event, actor, appeal_id, message_id, contact_id, data, key
    FROM {rows} WHERE true
    ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING
    RETURNING key
    """,
    id=ID,
    at=TIME,
    event=TEXT,
    actor=TEXT,
    appeal_id=ID,
    message_id=ID,
    contact_id=ID,
    data=JSON,
    key=TEXT,
)
"""Events that a provider may deliver again; gives the keys of those that are new."""

GROW_APPEALS = Statement(
    """
    UPDATE appeals SET
      message_count = appeals.message_count + r.messages,
      unread = appeals.unread + r.unread,
      last_message_at = CASE WHEN r.last_at > appeals.last_message_at
                             THEN r.last_at ELSE appeals.last_message_at END,
      status = coalesce(r.status, appeals.status),
      resolved_at = CASE WHEN r.status IS NULL THEN appeals.resolved_at END,
      outcome = CASE WHEN r.status IS NULL THEN appeals.outcome END,
      snoozed_until = CASE WHEN r.unread = 0 THEN appeals.snoozed_until END,
      latitude = coalesce(r.latitude, appeals.latitude),
      longitude = coalesce(r.longitude, appeals.longitude),
      waiting_since = CASE WHEN r.answered_last_at >= appeals.waiting_since THEN r.waiting_since
                           ELSE coalesce(appeals.waiting_since, r.waiting_since) END,
      first_response_at = coalesce(appeals.first_response_at, r.answered_at),
      escalated_at = CASE WHEN r.answered_at IS NULL OR appeals.due_at <= r.answered_at
                          THEN appeals.escalated_at END
    FROM {rows} WHERE appeals.id = r.id
    """,
    id=ID,
    messages=ID,
    unread=ID,
    last_at=TIME,
    status=TEXT,
    latitude=REAL,
    longitude=REAL,
    waiting_since=TIME,
    answered_at=TIME,
    answered_last_at=TIME,
)
"""What we wrote in the provider's own app is an answer: whoever wrote before it waits no more, and
what was escalated for want of a first answer alone is escalated no more."""

UPDATE_CONVERSATIONS = Statement(
    """
    UPDATE conversations SET
      last_inbound = coalesce(r.last_inbound, conversations.last_inbound),
      last_inbound_at = coalesce(r.last_inbound_at, conversations.last_inbound_at),
      blocked_at = CASE WHEN r.last_inbound IS NULL THEN conversations.blocked_at END,
      appeal_id = coalesce(r.appeal_id, conversations.appeal_id),
      contact_id = coalesce(
        (SELECT p.merged_into_id FROM contacts p WHERE p.id = conversations.contact_id),
        conversations.contact_id)
    FROM {rows} WHERE conversations.id = r.id
    """,
    id=ID,
    last_inbound=TEXT,
    last_inbound_at=TIME,
    appeal_id=ID,
)
"""Whoever writes to us lets us through again: a message lifts the mark of a block. A conversation
that was opened while its contact became another one is that one's (see registry.contacts.merging).
"""

EDITABLE = Statement(
    """
    SELECT e.channel, e.account, e.external_id, m.id, m.appeal_id, a.number, m.text,
      m.edited_at, m.sent_at
    FROM {rows} JOIN external_ids e
      ON e.channel = r.channel AND e.account = r.account AND e.external_id = r.external_id
    JOIN messages m ON m.id = e.message_id
    LEFT JOIN appeals a ON a.id = m.appeal_id
    ORDER BY m.id {lock:m}
    """,
    channel=TEXT,
    account=TEXT,
    external_id=TEXT,
)

EDIT = Statement(
    """
    UPDATE messages SET text = r.text, edited_at = r.edited_at
    FROM {rows} WHERE messages.id = r.id
    """,
    id=ID,
    text=TEXT,
    edited_at=TIME,
)

NAMED_AFTER = Statement(
    """
    SELECT m.id, a.id
    FROM {rows} JOIN external_ids e
      ON e.channel = r.channel AND e.account = r.account AND e.external_id = r.external_id
    JOIN messages m ON m.id = e.message_id AND m.direction = 'in'
    JOIN conversations c ON c.id = m.conversation_id
    JOIN appeals a ON a.contact_id = c.contact_id OR a.id = m.appeal_id
    WHERE a.subject <> '' AND replace(m.text, rtrim(a.subject, '…'), '') <> m.text
    """,
    channel=TEXT,
    account=TEXT,
    external_id=TEXT,
)
"""Which appeals may be called after which messages: their subject is somewhere in the text."""

FIRST_TEXTS = Statement(
    """
    SELECT a.id, coalesce(
      (SELECT m.text FROM messages m
       WHERE m.appeal_id = a.id AND m.direction = 'in' AND m.deleted_at IS NULL
         AND trim(m.text) <> ''
       ORDER BY m.sent_at, m.sequence, m.id LIMIT 1), '')
    FROM {rows} JOIN appeals a ON a.id = r.appeal_id AND a.subject = r.subject
    """,
    appeal_id=ID,
    subject=TEXT,
)
"""What those are called after now, that are still called as it was."""

SET_SUBJECTS = Statement(
    "UPDATE appeals SET subject = r.subject FROM {rows} WHERE appeals.id = r.id",
    id=ID,
    subject=TEXT,
)

MOVE = Statement(
    """
    UPDATE attachments SET latitude = r.latitude, longitude = r.longitude
    FROM {rows} WHERE attachments.message_id = r.message_id AND attachments.kind = 'location'
    """,
    message_id=ID,
    latitude=REAL,
    longitude=REAL,
)

DELETE = Statement(
    """
    UPDATE messages SET deleted_at = r.at
    FROM {rows} WHERE messages.id = r.id AND messages.deleted_at IS NULL
    """,
    id=ID,
    at=TIME,
)

SET_BLOCKED = Statement(
    "UPDATE conversations SET blocked_at = r.at FROM {rows} WHERE conversations.id = r.id",
    id=ID,
    at=TIME,
)

ADD_AUTOMATIC = Statement(
    """
    INSERT INTO messages
      (id, appeal_id, conversation_id, direction, text, author, sent_at, created_at, state,
       state_at, idempotency_key)
    SELECT id, appeal_id, conversation_id, 'out', text, '', at, at, 'queued', at, key FROM {rows}
    """,
    id=ID,
    appeal_id=ID,
    conversation_id=ID,
    text=TEXT,
    at=TIME,
    key=TEXT,
)

ADD_DISPATCHES = Statement(
    """
    INSERT INTO dispatches
      (id, message_id, conversation_id, channel, account, parts, part_count, due_at, created_at)
    SELECT id, message_id, conversation_id, channel, account, parts, 1, at, at FROM {rows}
    """,
    id=ID,
    message_id=ID,
    conversation_id=ID,
    channel=TEXT,
    account=TEXT,
    parts=JSON,
    at=TIME,
)

TOUCH_ACCOUNTS = Statement(
    """
    INSERT INTO accounts (channel, account, health, summary, last_in_at)
    SELECT channel, account, 'ok', '', at FROM {rows} WHERE true
    ON CONFLICT (channel, account) DO UPDATE SET last_in_at = excluded.last_in_at
    """,
    channel=TEXT,
    account=TEXT,
    at=TIME,
)
