-- A page by cursor begins at the pieces whose records lie around its place: found by the range, not
-- by passing all newer ones. A range has no number after the largest: there it is open. What ends
-- newest by event time was asked by no statement; its index made room for this one.
DO $$
DECLARE
    shelf regclass;
    unused regclass;
BEGIN
    FOR shelf IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'log_chunks'::regclass LOOP
        EXECUTE format(
            'CREATE INDEX %I ON %s USING gist
                 (int8range(min_record_ms, nullif(max_record_ms, 9223372036854775807), ''[]''))',
            (SELECT relname FROM pg_class WHERE oid = shelf) || '_by_record_range', shelf);
        FOR unused IN
            SELECT held.indexrelid FROM pg_index AS held
            JOIN pg_attribute AS indexed ON indexed.attrelid = held.indrelid
            WHERE held.indrelid = shelf AND indexed.attname = 'max_event_ns'
              AND held.indkey::text = indexed.attnum::text
        LOOP
            EXECUTE format('DROP INDEX %s', unused);
        END LOOP;
    END LOOP;
END $$;
