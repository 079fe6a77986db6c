-- Old lines leave by dropping partitions. Lines are put on the newest shelf; a shelf is a partition
-- of log_chunks and leaves as a whole once all that is on it is past retention. Without retention
-- all lines stay on shelf 0.
CREATE TABLE log_shelves (
    shelf            integer     NOT NULL PRIMARY KEY,
    begun_at         timestamptz NOT NULL DEFAULT now(),
    -- Of a shelf that is no longer the newest: no piece on it has a newer record; null: unknown.
    newest_record_ms bigint
);
INSERT INTO log_shelves (shelf) VALUES (0);

-- How far each partition was stored when the next shelf began: what is below is past retention once
-- the shelf is dropped, also where the open chunk went along.
CREATE TABLE log_shelf_ends (
    shelf      integer NOT NULL,
    topic      text    NOT NULL,
    partition  integer NOT NULL,
    end_offset bigint  NOT NULL,
    PRIMARY KEY (shelf, topic, partition)
);

-- In the order of lists to the last column: no plan has to sort, on one shelf or over several. It is
-- built first: readers need not wait for it.
CREATE INDEX log_chunks_by_time_and_place ON log_chunks
    (max_record_ms DESC, topic DESC, partition DESC, first_offset DESC);

-- What is stored becomes shelf 0 without being rewritten: no payload is read. Each shelf has its
-- own primary key and indexes; the pieces of a chunk are on one shelf, the newest that it grew on.
ALTER TABLE log_chunks RENAME TO log_chunks_shelf_0;
ALTER TABLE log_chunks_shelf_0 ADD COLUMN shelf integer NOT NULL DEFAULT 0;
CREATE TABLE log_chunks (LIKE log_chunks_shelf_0 INCLUDING DEFAULTS) PARTITION BY LIST (shelf);
ALTER TABLE log_chunks ATTACH PARTITION log_chunks_shelf_0 FOR VALUES IN (0);
DROP INDEX log_chunks_by_record_time;
ALTER INDEX log_chunks_by_time_and_place RENAME TO log_chunks_by_record_time;

-- The newest shelf that a block has grown on.
ALTER TABLE log_blocks ADD COLUMN shelf integer NOT NULL DEFAULT 0;

-- Lines of the offsets below have left; a replay does not bring them back.
CREATE TABLE log_gone_lines (
    topic      text    NOT NULL,
    partition  integer NOT NULL,
    end_offset bigint  NOT NULL,
    PRIMARY KEY (topic, partition)
);
