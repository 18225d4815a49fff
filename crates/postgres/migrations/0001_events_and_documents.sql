-- The events. Nothing here is ever changed or removed: positions and revisions have no gaps.
CREATE TABLE {schema}.events (
    -- The place among all events, in the order of the commits, from 0.
    position bigint NOT NULL,
    stream text COLLATE "C" NOT NULL,
    -- The place in the stream, from 0.
    revision bigint NOT NULL,
    id uuid NOT NULL,
    type text COLLATE "C" NOT NULL,
    -- Whether the writer said that it is JSON.
    is_json boolean NOT NULL,
    -- What the event states: as it was written, to the byte, and always fit for ::jsonb ...
    data json,
    -- ... or here, where it is not. Both are absent where there is nothing.
    raw_data bytea,
    metadata json,
    raw_metadata bytea,
    created timestamptz NOT NULL,
    CONSTRAINT events_by_position PRIMARY KEY (position),
    CONSTRAINT events_by_stream UNIQUE (stream, revision)
);
CREATE INDEX events_by_id ON {schema}.events (id);

-- What is known of a stream beside its events.
CREATE TABLE {schema}.streams (
    stream text COLLATE "C" PRIMARY KEY,
    -- Counts the changes of this row.
    changes bigint NOT NULL DEFAULT 0,
    -- The newest metadata, which is an event of the stream `$$<stream>`.
    metadata json,
    raw_metadata bytea,
    -- Deleted, but an append makes it live again.
    is_deleted boolean NOT NULL DEFAULT false,
    -- Closed for ever by a tombstone.
    is_closed boolean NOT NULL DEFAULT false
);

-- Small values that replace each other: checkpoints, snapshots, leases.
CREATE TABLE {schema}.documents (
    key text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    content json,
    raw_content bytea,
    saved timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);

-- How many events of each type there are below a position, counted now and then.
CREATE TABLE {schema}.counted_types (
    category text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (category, type)
);
CREATE TABLE {schema}.counted (
    below bigint NOT NULL
);
INSERT INTO {schema}.counted VALUES (0);

-- The category of a stream: the part of its name before the first `-`; empty where there is none.
CREATE FUNCTION {schema}.category(stream text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN strpos(stream, '-') > 0 THEN split_part(stream, '-', 1) ELSE '' END
$$;

-- Writes the events of one group of appends, all or none.
--
-- Whoever calls it has decided what is to be written by what it believes of some streams: where they end, and how
-- often their rows were changed. Where that is not so, nothing is written, and `mistaken` tells which of them (from
-- 1) are otherwise. Without events it only tells that.
--
-- The lock is held from here to the end of the commit, which makes positions visible in their own order and without
-- gaps, whoever writes. It is never held while a client is waited for. A writer that did not take it would run into
-- the primary key, and write nothing.
CREATE FUNCTION {schema}.append(
    seen_streams text[], seen_revisions bigint[], seen_changes bigint[],
    new_streams text[], new_revisions bigint[], new_ids uuid[], new_types text[], new_is_json boolean[],
    new_data text[], new_raw_data bytea[], new_metadata text[], new_raw_metadata bytea[],
    new_created timestamptz[],
    row_streams text[], row_metadata text[], row_raw_metadata bytea[], row_deleted boolean[], row_closed boolean[],
    must_last boolean,
    OUT first_position bigint, OUT mistaken bigint[]
) LANGUAGE plpgsql
SET lock_timeout = '10s'
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
BEGIN
    IF cardinality(new_streams) > 0 THEN
        PERFORM pg_advisory_xact_lock({lock});
    END IF;
    SELECT array_agg(seen.number) INTO mistaken
    FROM unnest(seen_streams, seen_revisions, seen_changes)
        WITH ORDINALITY AS seen(stream, revision, changes, number)
    WHERE seen.revision <> coalesce(
            (SELECT max(known.revision) FROM {schema}.events known WHERE known.stream = seen.stream), -1)
        OR seen.changes <> coalesce(
            (SELECT known.changes FROM {schema}.streams known WHERE known.stream = seen.stream), 0);
    IF mistaken IS NOT NULL OR cardinality(new_streams) = 0 THEN
        RETURN;
    END IF;

    SELECT coalesce(max(known.position), -1) + 1 INTO first_position FROM {schema}.events known;
    INSERT INTO {schema}.events
    SELECT first_position + new.number - 1, new.stream, new.revision, new.id, new.type, new.is_json,
        new.data::json, new.raw_data, new.metadata::json, new.raw_metadata, new.created
    FROM unnest(new_streams, new_revisions, new_ids, new_types, new_is_json, new_data, new_raw_data,
            new_metadata, new_raw_metadata, new_created)
        WITH ORDINALITY AS new(stream, revision, id, type, is_json, data, raw_data, metadata, raw_metadata,
            created, number);
    INSERT INTO {schema}.streams (stream)
    SELECT new.stream FROM unnest(new_streams, new_revisions) AS new(stream, revision) WHERE new.revision = 0
    ON CONFLICT DO NOTHING;
    IF cardinality(row_streams) > 0 THEN
        INSERT INTO {schema}.streams AS known (stream, changes, metadata, raw_metadata, is_deleted, is_closed)
        SELECT changed.stream, 1, changed.metadata::json, changed.raw_metadata, changed.is_deleted, changed.is_closed
        FROM unnest(row_streams, row_metadata, row_raw_metadata, row_deleted, row_closed)
            AS changed(stream, metadata, raw_metadata, is_deleted, is_closed)
        ON CONFLICT (stream) DO UPDATE SET
            changes = known.changes + 1, metadata = excluded.metadata, raw_metadata = excluded.raw_metadata,
            is_deleted = excluded.is_deleted, is_closed = excluded.is_closed;
    END IF;

    IF must_last AND current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    ELSIF NOT must_last THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    PERFORM pg_notify('{channel}', (first_position + cardinality(new_streams) - 1)::text);
END
$$;

-- What is known of some streams.
CREATE FUNCTION {schema}.look_up(streams text[])
RETURNS TABLE (number bigint, last bigint, changes bigint, metadata json, raw_metadata bytea, is_closed boolean)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT asked.number,
        (SELECT max(event.revision) FROM {schema}.events event WHERE event.stream = asked.stream),
        known.changes, known.metadata, known.raw_metadata, known.is_closed
    FROM unnest(streams) WITH ORDINALITY AS asked(stream, number)
    LEFT JOIN {schema}.streams known ON known.stream = asked.stream;
END
$$;

-- Which events stand at some places.
CREATE FUNCTION {schema}.events_at(streams text[], revisions bigint[])
RETURNS TABLE (number bigint, id uuid, "position" bigint)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT asked.number, event.id, event.position
    FROM unnest(streams, revisions) WITH ORDINALITY AS asked(stream, revision, number)
    JOIN {schema}.events event ON event.stream = asked.stream AND event.revision = asked.revision;
END
$$;

-- Where events of some ids stand first in some streams.
CREATE FUNCTION {schema}.find(streams text[], ids uuid[])
RETURNS TABLE (number bigint, revision bigint)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
BEGIN
    RETURN QUERY
    SELECT asked.number, min(event.revision)
    FROM unnest(streams, ids) WITH ORDINALITY AS asked(stream, id, number)
    JOIN {schema}.events event ON event.id = asked.id AND event.stream = asked.stream
    GROUP BY asked.number;
END
$$;

-- One page of a stream, with what is known of the stream: a row without an event where there is none.
CREATE FUNCTION {schema}.read_stream(
    of_stream text, described text, first bigint, many bigint, is_backwards boolean
)
RETURNS TABLE (
    last bigint, stream_metadata json, raw_stream_metadata bytea, is_closed boolean,
    "position" bigint, revision bigint, id uuid, type text, is_json boolean,
    data json, raw_data bytea, metadata json, raw_metadata bytea, created timestamptz
)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_sort = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    newest bigint;
    known record;
BEGIN
    SELECT max(event.revision) INTO newest FROM {schema}.events event WHERE event.stream = of_stream;
    SELECT row.metadata, row.raw_metadata,
        coalesce(row.is_closed, false) OR coalesce(
            (SELECT other.is_closed FROM {schema}.streams other WHERE other.stream = described), false) AS is_closed
    INTO known
    FROM (SELECT) AS always LEFT JOIN {schema}.streams row ON row.stream = of_stream;
    IF is_backwards THEN
        RETURN QUERY
        SELECT newest, known.metadata, known.raw_metadata, known.is_closed, event.position, event.revision, event.id,
            event.type, event.is_json, event.data, event.raw_data, event.metadata, event.raw_metadata, event.created
        FROM {schema}.events event
        WHERE event.stream = of_stream AND event.revision <= first
        ORDER BY event.revision DESC LIMIT many;
    ELSE
        RETURN QUERY
        SELECT newest, known.metadata, known.raw_metadata, known.is_closed, event.position, event.revision, event.id,
            event.type, event.is_json, event.data, event.raw_data, event.metadata, event.raw_metadata, event.created
        FROM {schema}.events event
        WHERE event.stream = of_stream AND event.revision >= first
        ORDER BY event.revision LIMIT many;
    END IF;
    IF NOT FOUND THEN
        RETURN QUERY SELECT newest, known.metadata, known.raw_metadata, known.is_closed, NULL::bigint, NULL::bigint,
            NULL::uuid, NULL, NULL::boolean, NULL::json, NULL::bytea, NULL::json, NULL::bytea, NULL::timestamptz;
    END IF;
END
$$;

-- For people: all events with their contents as JSONB, in the order in which they were committed.
CREATE VIEW {schema}.event_list AS
SELECT position, stream, nullif({schema}.category(stream), '') AS category, revision, type, id,
    data::jsonb AS data, metadata::jsonb AS metadata, created,
    metadata::jsonb ->> '$correlationId' AS correlation_id, metadata::jsonb ->> '$causationId' AS causation_id
FROM {schema}.events;
COMMENT ON VIEW {schema}.event_list IS 'All events, with data and metadata as JSONB, to be queried by people';

-- For people: the streams, where they end, and what became of them.
CREATE VIEW {schema}.stream_list AS
SELECT stream, nullif({schema}.category(stream), '') AS category,
    (SELECT max(event.revision) FROM {schema}.events event WHERE event.stream = known.stream) AS last_revision,
    is_deleted, is_closed, metadata::jsonb AS metadata
FROM {schema}.streams known;
COMMENT ON VIEW {schema}.stream_list IS 'All streams, where they end, and whether they are deleted or closed for ever';

-- For people: documents, such as checkpoints, snapshots and leases.
CREATE VIEW {schema}.document_list AS
SELECT key, version, content::jsonb AS content, saved FROM {schema}.documents;
COMMENT ON VIEW {schema}.document_list IS 'Checkpoints, snapshots, leases and other documents, with their content as JSONB';

-- For people: who works on which partition of which handler.
CREATE VIEW {schema}.lease_list AS
SELECT split_part(key, '/', 3) AS handler, split_part(key, '/', 4) AS partition,
    content::jsonb ->> 'name' AS node, content::jsonb ->> 'node' AS node_id, saved AS since
FROM {schema}.documents WHERE starts_with(key, 'lease/work/');
COMMENT ON VIEW {schema}.lease_list IS 'Which node works on which partition of which handler';
