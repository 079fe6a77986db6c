-- A block's shapes are counted up with each batch. While an indexed value changes with every line,
-- each update writes all indexes anew and what it leaves waits for vacuum; the minute rarely
-- changes, and an update that keeps it stays within its page. Rewrites the table: a few hundred
-- bytes for each shape of a block.
ALTER TABLE log_block_shapes
    ADD COLUMN last_event_minute bigint NOT NULL
        GENERATED ALWAYS AS (last_event_ns / 60000000000) STORED;
DROP INDEX log_block_shapes_by_last;
CREATE INDEX log_block_shapes_by_last_minute ON log_block_shapes (shape_id, last_event_minute);
ALTER TABLE log_block_shapes SET (fillfactor = 80);
