-- Read models: each generation of a projection has a table `rows_<id>` of its own, made when it is begun.
CREATE TABLE {schema}.generations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    projection text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    number bigint NOT NULL,
    -- Every event up to here has been counted, or is put aside.
    position bigint,
    -- Whether it has been built to its end once, so that it may be shown.
    is_ready boolean NOT NULL DEFAULT false,
    UNIQUE (projection, version, number)
) WITH (fillfactor = 50);

-- For sequences that were put aside: the last event that was counted after all.
CREATE TABLE {schema}.counted_late (
    generation bigint NOT NULL REFERENCES {schema}.generations ON DELETE CASCADE,
    sequence text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (generation, sequence)
);

-- For people: the read models, and how far they have come. The rows of one that is shown are in the view
-- `model_<projection>`.
CREATE VIEW {schema}.read_model_list AS
SELECT projection, version, number AS generation, position, is_ready, 'rows_' || id AS table_name
FROM {schema}.generations;
COMMENT ON VIEW {schema}.read_model_list IS 'The read models, and how far they have come';
