-- Who may ask: users, sessions, keys, and what they did. Secrets are stored hashed only.
CREATE TABLE users (
    user_id       uuid        NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
    username      text        NOT NULL UNIQUE,
    password_hash text,                 -- argon2id; null for users of an external issuer
    role          text        NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    is_disabled   boolean     NOT NULL DEFAULT false,
    issuer        text,                 -- the external issuer, null for our own users
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- A session is a family of refresh tokens, each usable once.
CREATE TABLE sessions (
    session_id     uuid        NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id        uuid        NOT NULL REFERENCES users,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    revoked_at     timestamptz,
    revoked_reason text
);
CREATE INDEX sessions_by_user ON sessions (user_id) WHERE revoked_at IS NULL;

CREATE TABLE refresh_tokens (
    token_hash    bytea       NOT NULL PRIMARY KEY,  -- SHA-256 of the token
    session_id    uuid        NOT NULL REFERENCES sessions,
    created_at    timestamptz NOT NULL DEFAULT now(),
    used_at       timestamptz,
    -- The successor, sealed with a key derived from the used token: only who holds that token can
    -- read it, so that two tabs get the same successor within the grace.
    successor     bytea
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

CREATE TABLE api_keys (
    key_id     uuid        NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
    key_hash   bytea       NOT NULL UNIQUE,          -- SHA-256 of the key
    name       text        NOT NULL,
    role       text        NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    created_by text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);

-- Failed logins by account and by address, for throttling; old rows are deleted.
CREATE TABLE login_failures (
    subject   text        NOT NULL,  -- 'account:...' or 'address:...'
    failed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_failures_by_subject ON login_failures (subject, failed_at);

-- Each row's hash covers the one before it: a changed or removed row breaks the chain.
CREATE TABLE audit_log (
    sequence   bigint NOT NULL PRIMARY KEY,
    at         text   NOT NULL,      -- RFC 3339 UTC, as hashed
    actor      text   NOT NULL,
    role       text   NOT NULL,
    operation  text   NOT NULL,
    target     text   NOT NULL,
    outcome    text   NOT NULL,
    request_id text   NOT NULL,
    address    text   NOT NULL,
    prior_hash bytea  NOT NULL,
    row_hash   bytea  NOT NULL
);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- A retried mutation with the same key gets the first id.
CREATE TABLE idempotency_keys (
    principal    text        NOT NULL,
    key          text        NOT NULL,
    request_hash bytea       NOT NULL,
    record_id    text,                  -- null while the first request is under way
    claimed_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (claimed_at);

-- Reads of the API run as this role: it cannot write, and cannot see the tables above.
DO $$
BEGIN
    -- Roles belong to the whole server: another database may have made it, or be making it now.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'aiops_reader') THEN
        CREATE ROLE aiops_reader NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'this user may not create roles'
            USING HINT = 'run once as a superuser: CREATE ROLE aiops_reader NOLOGIN';
END
$$;
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'aiops_reader', 'MEMBER') THEN
        EXECUTE format('GRANT aiops_reader TO %I', current_user);
    END IF;
END
$$;
GRANT USAGE ON SCHEMA public TO aiops_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO aiops_reader;
REVOKE ALL ON users, sessions, refresh_tokens, api_keys, login_failures, audit_log, idempotency_keys
    FROM aiops_reader;
-- Tables that later migrations make are readable too.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO aiops_reader;
