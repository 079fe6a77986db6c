-- What each record said of a ticket; replaying a block replaces its rows.
CREATE TABLE ticket_events (
    topic        text    NOT NULL,
    partition    integer NOT NULL,
    "offset"     bigint  NOT NULL,
    event_index  integer NOT NULL,
    project      text    NOT NULL,
    ticket_id    text    NOT NULL,
    revision     bigint  NOT NULL,
    content_hash bytea   NOT NULL,
    payload      bytea   NOT NULL,  -- canonical JSON of the event
    PRIMARY KEY (topic, partition, "offset", event_index)
);
CREATE INDEX ticket_events_by_ticket
    ON ticket_events (project, ticket_id, revision DESC, content_hash DESC);

-- Derived: the newest revision of each ticket.
CREATE TABLE tickets (
    project         text   NOT NULL,
    ticket_id       text   NOT NULL,
    revision        bigint NOT NULL,  -- ns since 1970 UTC, 0 where the source gives none
    content_hash    bytea  NOT NULL,
    title           text   NOT NULL,
    body            text   NOT NULL,
    status          text,
    reporter        text,
    url             text,
    created_ns      bigint,
    source          text   NOT NULL,
    labels          jsonb  NOT NULL,
    metadata        jsonb  NOT NULL,
    -- Identical alerts of a window form one group; all null for what is no alert.
    alert_key       text,
    alert_window_ns bigint,
    PRIMARY KEY (project, ticket_id)
);
CREATE INDEX tickets_by_revision ON tickets (revision DESC, project, ticket_id);
-- The first of a group leads it and is triaged; in code point order, whatever the locale.
CREATE INDEX tickets_by_alert
    ON tickets (project, alert_key, alert_window_ns, created_ns, ticket_id COLLATE "C")
    WHERE alert_key IS NOT NULL;

-- The triage of a ticket's newest revision, by the model as it was at feedback_offset.
CREATE TABLE ticket_triages (
    project         text        NOT NULL,
    ticket_id       text        NOT NULL,
    content_hash    bytea       NOT NULL,
    feedback_offset bigint      NOT NULL,
    document        bytea       NOT NULL,  -- canonical JSON
    needs_human     boolean     NOT NULL,
    triaged_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project, ticket_id)
);
CREATE INDEX ticket_triages_queue ON ticket_triages (project, ticket_id) WHERE needs_human;
CREATE TABLE triage_fields (
    project     text             NOT NULL,
    ticket_id   text             NOT NULL,
    field       text             NOT NULL,
    value       text,
    confidence  double precision NOT NULL,
    needs_human boolean          NOT NULL,
    PRIMARY KEY (project, ticket_id, field)
);
CREATE INDEX triage_fields_by_value ON triage_fields (project, field, value, ticket_id);

-- What people said, in the order that the model learns it.
CREATE TABLE feedback_events (
    "offset"        bigint  NOT NULL PRIMARY KEY,
    project         text    NOT NULL,
    ticket_id       text    NOT NULL,
    is_confirmation boolean NOT NULL,
    actor           text,
    timestamp_ns    bigint  NOT NULL,
    payload         bytea   NOT NULL
);
CREATE INDEX feedback_events_by_ticket ON feedback_events (project, ticket_id, "offset" DESC);
-- What the model said of the ticket just before it learned the answer.
CREATE TABLE triage_outcomes (
    "offset"    bigint           NOT NULL,
    field       text             NOT NULL,
    project     text             NOT NULL,
    predicted   text,
    confidence  double precision NOT NULL,
    actual      text             NOT NULL,
    needs_human boolean          NOT NULL,
    PRIMARY KEY ("offset", field)
);
CREATE INDEX triage_outcomes_by_field ON triage_outcomes (project, field, "offset" DESC);
CREATE TABLE triage_snapshots (
    feedback_offset bigint NOT NULL PRIMARY KEY,
    state_hash      text   NOT NULL,
    rules_hash      text   NOT NULL,  -- of the choices and the code that it was made under
    payload         bytea  NOT NULL
);
-- Another one whenever feedback that may have been learned is rewritten: models start anew.
CREATE TABLE feedback_generation (generation uuid NOT NULL);
INSERT INTO feedback_generation VALUES (gen_random_uuid());
