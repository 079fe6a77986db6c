-- What was said about repositories: each distinct statement once, by the hash of its content.
CREATE TABLE commit_contents (
    content_hash bytea NOT NULL PRIMARY KEY,
    repository   text  NOT NULL,
    kind         text  NOT NULL,  -- 'commit', 'tag', 'release' or 'override'
    payload      bytea NOT NULL   -- canonical JSON of the event
);
CREATE INDEX commit_contents_by_repository ON commit_contents (repository);

-- Which record said it; replaying a block replaces its rows.
CREATE TABLE commit_events (
    topic        text    NOT NULL,
    partition    integer NOT NULL,
    "offset"     bigint  NOT NULL,
    event_index  integer NOT NULL,
    repository   text    NOT NULL,
    content_hash bytea   NOT NULL,
    PRIMARY KEY (topic, partition, "offset", event_index)
);
CREATE INDEX commit_events_by_content ON commit_events (content_hash);

CREATE TABLE dirty_repositories (
    topic      text    NOT NULL,
    partition  integer NOT NULL,
    repository text    NOT NULL,
    generation bigint  NOT NULL DEFAULT 1,
    PRIMARY KEY (topic, partition, repository)
);

-- Derived: one row a commit, as all that was said about it adds up.
CREATE TABLE commits (
    repository text    NOT NULL,
    sha        text    NOT NULL,
    release    text    NOT NULL,  -- '' while it is in none
    author     text    NOT NULL,
    authored_s bigint  NOT NULL,  -- seconds since 1970 UTC, -1 where the source gives none
    message    text    NOT NULL,
    conflict   boolean NOT NULL,  -- payloads disagreed about this sha
    PRIMARY KEY (repository, sha)
);
CREATE INDEX commits_by_time ON commits (repository, authored_s DESC, sha DESC);
CREATE INDEX commits_by_release ON commits (repository, release, authored_s DESC, sha DESC);

-- Derived: one changelog a release, '' for what is not released.
CREATE TABLE changelogs (
    repository   text        NOT NULL,
    release      text        NOT NULL,
    position     integer     NOT NULL,  -- oldest release first
    version      text,
    released_at  text,                  -- RFC 3339
    document     bytea       NOT NULL,  -- canonical JSON
    input_hash   text        NOT NULL,
    rules_hash   text        NOT NULL,  -- of the choices and the code that it was made under
    content_hash text        NOT NULL,
    revision     integer     NOT NULL DEFAULT 1,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (repository, release)
);
CREATE INDEX changelogs_by_position ON changelogs (repository, position DESC);
