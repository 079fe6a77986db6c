-- Postgres owns the offsets: rows and next_offset commit in one transaction (the fence).
CREATE TABLE stream_offsets (
    topic        text        NOT NULL,
    partition    integer     NOT NULL,
    topic_id     uuid,                 -- the broker's id; another one means the topic was made anew
    first_offset bigint      NOT NULL DEFAULT 0,  -- where the broker's log began when we first read it
    next_offset  bigint      NOT NULL,
    max_event_ns bigint      NOT NULL DEFAULT 0,  -- newest event time, ns since 1970 UTC
    writer       uuid,                 -- the worker that was given the partition last
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
);

-- Offsets that will never be read: cut off by retention, transaction markers, compaction.
CREATE TABLE offset_gaps (
    topic       text        NOT NULL,
    partition   integer     NOT NULL,
    from_offset bigint      NOT NULL,
    to_offset   bigint      NOT NULL,  -- exclusive
    reason      text        NOT NULL,  -- 'retention' or 'skipped'
    seen_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, from_offset)
);

CREATE TABLE dead_letters (
    topic           text        NOT NULL,
    partition       integer     NOT NULL,
    "offset"        bigint      NOT NULL,
    reason          text        NOT NULL,
    detail          text        NOT NULL,
    value_head      bytea       NOT NULL,  -- at most the first 256 bytes
    value_bytes     integer     NOT NULL,
    first_failed_at timestamptz NOT NULL DEFAULT now(),
    redriven_at     timestamptz,
    PRIMARY KEY (topic, partition, "offset")
);

-- What became of each record of a block (65,536 offsets of one partition).
CREATE TABLE log_blocks (
    topic         text    NOT NULL,
    partition     integer NOT NULL,
    block         bigint  NOT NULL,
    records       integer NOT NULL,
    events        integer NOT NULL,
    dropped       jsonb   NOT NULL,    -- {reason: records}
    dead_lettered jsonb   NOT NULL,    -- {reason: records}
    PRIMARY KEY (topic, partition, block)
);

-- The lines themselves, compressed columns (schemas/chunks.py). One sealed row holds the 4,096
-- offsets of a chunk; an open chunk lies in smaller rows on a grid of 256 and 16 offsets.
CREATE TABLE log_chunks (
    topic         text       NOT NULL,
    partition     integer    NOT NULL,
    first_offset  bigint     NOT NULL,
    end_offset    bigint     NOT NULL,
    lines         integer    NOT NULL,
    min_event_ns  bigint     NOT NULL,
    max_event_ns  bigint     NOT NULL,
    min_record_ms bigint     NOT NULL,
    max_record_ms bigint     NOT NULL,
    services      text[]     NOT NULL,  -- '' stands for no service
    severities    smallint[] NOT NULL,
    shape_ids     bigint[]   NOT NULL,
    payload       bytea      NOT NULL,
    PRIMARY KEY (topic, partition, first_offset)
);
ALTER TABLE log_chunks ALTER COLUMN payload SET STORAGE EXTERNAL;
-- The rows of an open chunk are rewritten with each batch: what they leave is taken up again soon.
ALTER TABLE log_chunks SET (
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
    toast.autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_vacuum_threshold = 500);
CREATE INDEX log_chunks_by_record_time ON log_chunks (max_record_ms DESC);
CREATE INDEX log_chunks_by_event_time ON log_chunks (max_event_ns DESC);
CREATE INDEX log_chunks_by_event_range ON log_chunks
    USING gist (int8range(min_event_ns, max_event_ns, '[]'));
CREATE INDEX log_chunks_by_shape ON log_chunks USING gin (shape_ids)
    WHERE end_offset - first_offset = 4096;

-- Lines by minute of event time, service, severity and shape: three parallel arrays a row.
CREATE TABLE log_counts (
    topic        text       NOT NULL,
    partition    integer    NOT NULL,
    block        bigint     NOT NULL,
    service      text       NOT NULL,  -- '' stands for no service
    minute       bigint     NOT NULL,  -- minutes since 1970 UTC
    lines        integer    NOT NULL,
    late         integer    NOT NULL,  -- of these, records more than a window behind their window
    first_event_ns bigint   NOT NULL,
    last_event_ns  bigint   NOT NULL,
    severities   smallint[] NOT NULL,
    shape_ids    bigint[]   NOT NULL,
    counts       integer[]  NOT NULL,
    PRIMARY KEY (topic, partition, block, service, minute)
);
CREATE INDEX log_counts_by_service_minute ON log_counts (service, minute);
CREATE INDEX log_counts_by_minute ON log_counts (minute);

-- Each shape of a block, with its times and the example of the lowest offset.
CREATE TABLE log_block_shapes (
    topic          text    NOT NULL,
    partition      integer NOT NULL,
    block          bigint  NOT NULL,
    shape_id       bigint  NOT NULL,
    service        text    NOT NULL,
    shape          text    NOT NULL,
    lines          integer NOT NULL,
    first_event_ns bigint  NOT NULL,
    last_event_ns  bigint  NOT NULL,
    example_offset bigint  NOT NULL,
    example_index  integer NOT NULL,
    example        text    NOT NULL,
    PRIMARY KEY (topic, partition, block, shape_id)
);
-- The all-time first and last sighting of a shape are one index probe each.
CREATE INDEX log_block_shapes_by_first ON log_block_shapes (shape_id, first_event_ns);
CREATE INDEX log_block_shapes_by_last ON log_block_shapes (shape_id, last_event_ns);

-- Derived by the finalizer: shapes of a service merge into templates; every id ever given
-- resolves through log_shape_templates. Lines of a template are summed from log_counts.
CREATE TABLE log_templates (
    template_id    bigint  NOT NULL PRIMARY KEY,
    service        text    NOT NULL,
    text           text    NOT NULL,
    first_event_ns bigint  NOT NULL,
    last_event_ns  bigint  NOT NULL,
    example_id     text    NOT NULL,   -- opaque record id of the example line
    example        text    NOT NULL
);
-- No index holds last_event_ns: it changes every second and must stay a cheap update.
CREATE INDEX log_templates_by_service ON log_templates (service);
CREATE TABLE log_shape_templates (
    shape_id    bigint NOT NULL PRIMARY KEY,
    template_id bigint NOT NULL,
    service     text   NOT NULL,
    shape       text   NOT NULL
);
CREATE INDEX log_shape_templates_by_service ON log_shape_templates (service);
CREATE INDEX log_shape_templates_by_template ON log_shape_templates (template_id);

-- Windows whose counts changed; by partition, so that writers of different partitions never wait
-- for each other.
CREATE TABLE log_dirty_windows (
    topic      text    NOT NULL,
    partition  integer NOT NULL,
    service    text    NOT NULL,
    start_ns   bigint  NOT NULL,
    generation bigint  NOT NULL DEFAULT 1,
    PRIMARY KEY (topic, partition, service, start_ns)
);

CREATE TABLE log_window_summaries (
    service      text        NOT NULL,
    start_ns     bigint      NOT NULL,
    end_ns       bigint      NOT NULL,
    lines        bigint      NOT NULL,
    is_open      boolean     NOT NULL,  -- lines on time may still come
    unusual      boolean     NOT NULL,
    headline     text        NOT NULL,
    document     bytea       NOT NULL,  -- canonical JSON of the whole summary
    content_hash bytea       NOT NULL,
    revision     integer     NOT NULL DEFAULT 1,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service, start_ns)
);
CREATE INDEX log_window_summaries_open ON log_window_summaries (end_ns) WHERE is_open;
CREATE INDEX log_window_summaries_by_start ON log_window_summaries (start_ns DESC, service);
