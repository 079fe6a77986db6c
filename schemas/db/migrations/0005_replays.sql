-- Replays: what was asked for, and how far each has come.
CREATE TABLE replay_runs (
    run_id         text        NOT NULL PRIMARY KEY,
    topic          text        NOT NULL,
    partition      integer,                -- null: all
    from_bound     text,                   -- as asked: an offset or a time; null: all there is
    to_bound       text,
    is_retriage    boolean     NOT NULL,
    is_dry_run     boolean     NOT NULL,
    -- Somebody watches it on a terminal, and resumes it there.
    is_attended    boolean     NOT NULL,
    requested_by   text        NOT NULL,
    requested_at   timestamptz NOT NULL,
    state          text        NOT NULL DEFAULT 'requested' CHECK (
        state IN ('requested', 'running', 'done', 'failed', 'refused', 'cancelled')),
    -- The fence: a process that was taken for dead marks no block any more.
    runner         uuid,
    attempts       integer     NOT NULL DEFAULT 0,  -- processes started since a block was done
    started_at     timestamptz,
    heartbeat_at   timestamptz,
    ended_at       timestamptz,
    error          text,
    blocks         integer,                -- null until it is planned
    done_blocks    integer     NOT NULL DEFAULT 0,
    changed_blocks integer     NOT NULL DEFAULT 0,
    records        bigint      NOT NULL DEFAULT 0,
    retriaged      bigint      NOT NULL DEFAULT 0,
    updated_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX replay_runs_by_time ON replay_runs (requested_at DESC, run_id DESC);
CREATE INDEX replay_runs_by_update ON replay_runs (updated_at DESC);
CREATE INDEX replay_runs_open ON replay_runs (requested_at, run_id)
    WHERE state IN ('requested', 'running', 'failed');

-- Whether a process runs it: the lock is the process's, and goes with it.
CREATE FUNCTION has_replay_process(run_id text, lock_class integer) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 2
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND classid = lock_class::bigint::oid
          AND objid = (hashtext(run_id)::bigint & 4294967295)::oid)
$$;

-- The plan of a replay that has not ended: a block is done in the transaction that replaces it.
CREATE TABLE replay_blocks (
    run_id    text    NOT NULL REFERENCES replay_runs ON DELETE CASCADE,
    partition integer NOT NULL,
    block     bigint  NOT NULL,
    is_done   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (run_id, partition, block)
);

-- The tickets that have, or would have, another triage: each counts once a replay.
CREATE TABLE replay_retriages (
    run_id    text NOT NULL REFERENCES replay_runs ON DELETE CASCADE,
    project   text NOT NULL,
    ticket_id text NOT NULL,
    PRIMARY KEY (run_id, project, ticket_id)
);
