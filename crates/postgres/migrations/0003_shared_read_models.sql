-- Read models that several processes count: what is put aside, and what is shown instead of what.
ALTER TABLE {schema}.generations
    -- Another generation is shown in its place: nothing more is counted into it.
    ADD COLUMN is_replaced boolean NOT NULL DEFAULT false,
    -- Another generation is about to be: until then nothing is counted into it, so that the other one can come as far.
    ADD COLUMN held_until timestamptz,
    -- Counts the changes of what is put aside. Who counts events says what it believes of it.
    ADD COLUMN changes bigint NOT NULL DEFAULT 0;

-- A sequence that stands here is put aside; without a position where nothing of it was counted since.
ALTER TABLE {schema}.counted_late
    ALTER COLUMN position DROP NOT NULL,
    -- Its first event that waits.
    ADD COLUMN waits_at bigint NOT NULL DEFAULT 0;
