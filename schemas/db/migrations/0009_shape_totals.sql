-- The lines of each shape over all blocks of a partition: what a template's lines are summed from,
-- however many blocks there are. A row a partition, so that writers of different ones never wait for
-- each other; a shape that no block holds any more has none.
CREATE TABLE log_shape_totals (
    shape_id  bigint  NOT NULL,
    topic     text    NOT NULL,
    partition integer NOT NULL,
    lines     bigint  NOT NULL,
    PRIMARY KEY (shape_id, topic, partition)
) WITH (fillfactor = 70);

-- By triggers, so that batches, replays, dropped topics and the release before this one all keep
-- them. The partition's lock is held by whoever writes its blocks.
CREATE FUNCTION sum_up_shapes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM log_shape_totals;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO log_shape_totals AS stored (shape_id, topic, partition, lines)
        SELECT shape_id, topic, partition, sum(lines) FROM added GROUP BY 1, 2, 3
        ON CONFLICT (shape_id, topic, partition) DO UPDATE
        SET lines = stored.lines + EXCLUDED.lines;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO log_shape_totals AS stored (shape_id, topic, partition, lines)
        SELECT shape_id, topic, partition, sum(lines)
        FROM (SELECT shape_id, topic, partition, lines FROM added
              UNION ALL
              SELECT shape_id, topic, partition, -lines FROM removed) AS changed
        GROUP BY 1, 2, 3
        ON CONFLICT (shape_id, topic, partition) DO UPDATE
        SET lines = stored.lines + EXCLUDED.lines;
    ELSE
        INSERT INTO log_shape_totals AS stored (shape_id, topic, partition, lines)
        SELECT shape_id, topic, partition, -sum(lines) FROM removed GROUP BY 1, 2, 3
        ON CONFLICT (shape_id, topic, partition) DO UPDATE
        SET lines = stored.lines + EXCLUDED.lines;
        DELETE FROM log_shape_totals
        WHERE lines = 0 AND (shape_id, topic, partition) IN (
            SELECT shape_id, topic, partition FROM removed);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER log_block_shapes_inserted AFTER INSERT ON log_block_shapes
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION sum_up_shapes();
CREATE TRIGGER log_block_shapes_updated AFTER UPDATE ON log_block_shapes
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION sum_up_shapes();
CREATE TRIGGER log_block_shapes_deleted AFTER DELETE ON log_block_shapes
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION sum_up_shapes();
CREATE TRIGGER log_block_shapes_truncated AFTER TRUNCATE ON log_block_shapes
    FOR EACH STATEMENT EXECUTE FUNCTION sum_up_shapes();

-- Writers have waited since the first trigger: what follows sees all that was written.
INSERT INTO log_shape_totals (shape_id, topic, partition, lines)
SELECT shape_id, topic, partition, sum(lines) FROM log_block_shapes GROUP BY 1, 2, 3;
