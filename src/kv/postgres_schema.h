#pragma once

namespace kelp {

/// What PostgreSQL is told when a filer connects: the tables and functions, if they are not there.
///
/// A key is cut in two, for an index entry of a B-tree holds 2.7 KB: its first 2,000 bytes (all,
/// but for the longest keys), and the rest with its hash. bytea compares as unsigned bytes.
///
/// kelp_commit_3 is a group of batches: takes the locks (advisory ones: twice their key, and 1 more
/// when exclusive), which are sorted, so that no two groups wait for each other; then batch by
/// batch checks the conditions and does the writes. Under READ COMMITTED each of its statements
/// sees what was committed before it began, so after the locks are taken nothing it looks at
/// changes, and the stamps that it draws are in the order of any two groups that share a lock. The
/// last statement keeps the group's number and outcomes, and fails when a later
/// connection of the writer shut this one out.
inline constexpr const char* kPostgresSchema = R"sql(
SELECT pg_advisory_xact_lock(0);
CREATE TABLE IF NOT EXISTS kelp_format (version int PRIMARY KEY);
INSERT INTO kelp_format SELECT 1 WHERE NOT EXISTS (SELECT FROM kelp_format);
CREATE TABLE IF NOT EXISTS kelp_rows (
  head bytea NOT NULL, tail_hash bytea NOT NULL, tail bytea NOT NULL, value bytea NOT NULL,
  PRIMARY KEY (head, tail_hash));
ALTER TABLE kelp_rows ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE TABLE IF NOT EXISTS kelp_writers (
  writer bigint PRIMARY KEY, epoch bigint NOT NULL, number bigint NOT NULL, outcomes text NOT NULL);
CREATE SEQUENCE IF NOT EXISTS kelp_stamps;

CREATE OR REPLACE FUNCTION kelp_head_1(key bytea) RETURNS bytea LANGUAGE sql IMMUTABLE
  AS $$ SELECT substr(key, 1, 2000) $$;
CREATE OR REPLACE FUNCTION kelp_tail_1(key bytea) RETURNS bytea LANGUAGE sql IMMUTABLE
  AS $$ SELECT substr(key, 2001) $$;
CREATE OR REPLACE FUNCTION kelp_tail_hash_1(key bytea) RETURNS bytea LANGUAGE sql IMMUTABLE
  AS $$ SELECT CASE WHEN length(key) <= 2000 THEN ''::bytea ELSE sha256(substr(key, 2001)) END $$;

CREATE OR REPLACE FUNCTION kelp_add_1(counter bytea, delta bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  total int := 0;
BEGIN
  IF length(counter) <> 8 THEN RETURN counter; END IF;
  FOR i IN 0..7 LOOP
    total := (total >> 8) + get_byte(counter, i) + get_byte(delta, i);
    counter := set_byte(counter, i, total & 255);
  END LOOP;
  RETURN counter;
END $$;

CREATE OR REPLACE FUNCTION kelp_counter_1(counter bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN length(counter) = 8 THEN
    (get_byte(counter, 7)::bigint << 56) | (get_byte(counter, 6)::bigint << 48) |
    (get_byte(counter, 5)::bigint << 40) | (get_byte(counter, 4)::bigint << 32) |
    (get_byte(counter, 3)::bigint << 24) | (get_byte(counter, 2)::bigint << 16) |
    (get_byte(counter, 1)::bigint << 8) | get_byte(counter, 0)::bigint END
$$;

CREATE OR REPLACE FUNCTION kelp_commit_3(
  by_writer bigint, in_epoch bigint, as_number bigint, count int, locks bigint[],
  batches int[], kinds int[], keys bytea[], vals bytea[]) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  r record;
  now_in int := 0;
  nth int := 0;
  alive bool := true;
  held bool;
  outcomes int[] := array_fill(-1, ARRAY[count]);
  h bytea; th bytea; printed text;
BEGIN
  PERFORM CASE WHEN l & 1 = 1 THEN pg_advisory_xact_lock(l >> 1)::text
               ELSE pg_advisory_xact_lock_shared(l >> 1)::text END FROM unnest(locks) AS l;
  FOR r IN SELECT * FROM unnest(batches, kinds, keys, vals) AS t(batch, kind, key, val) LOOP
    IF r.batch <> now_in THEN
      now_in := r.batch; nth := 0; alive := true;
    END IF;
    CONTINUE WHEN NOT alive;
    h := kelp_head_1(r.key); th := kelp_tail_hash_1(r.key);
    IF r.kind < 10 THEN
      IF r.kind = 0 THEN
        held := NOT EXISTS (SELECT FROM kelp_rows WHERE head = h AND tail_hash = th);
      ELSIF r.kind = 1 THEN
        held := EXISTS (SELECT FROM kelp_rows WHERE head = h AND tail_hash = th);
      ELSIF r.kind = 2 THEN
        held := EXISTS (SELECT FROM kelp_rows
                        WHERE head = h AND tail_hash = th AND value = r.val);
      ELSIF r.kind = 4 THEN
        SELECT kelp_counter_1(value) <= kelp_counter_1(r.val) INTO held
          FROM kelp_rows WHERE head = h AND tail_hash = th;
        held := CASE WHEN FOUND THEN COALESCE(held, false) ELSE 0 <= kelp_counter_1(r.val) END;
      ELSE
        held := NOT EXISTS (SELECT FROM kelp_rows
          WHERE head >= h AND (head, tail) >= (h, kelp_tail_1(r.key))
            AND head <= kelp_head_1(r.val)
            AND (head, tail) < (kelp_head_1(r.val), kelp_tail_1(r.val)));
      END IF;
      IF NOT held THEN
        alive := false;
        outcomes[r.batch] := nth;
      END IF;
      nth := nth + 1;
    ELSIF r.kind = 10 THEN
      INSERT INTO kelp_rows VALUES (h, th, kelp_tail_1(r.key), r.val)
        ON CONFLICT (head, tail_hash) DO UPDATE SET value = EXCLUDED.value;
    ELSIF r.kind = 14 THEN
      INSERT INTO kelp_rows
        VALUES (h, th, kelp_tail_1(r.key), r.val || int8send(nextval('kelp_stamps')))
        ON CONFLICT (head, tail_hash) DO UPDATE SET value = EXCLUDED.value;
    ELSIF r.kind = 11 THEN
      DELETE FROM kelp_rows WHERE head = h AND tail_hash = th;
    ELSIF r.kind = 12 THEN
      DELETE FROM kelp_rows
        WHERE head >= h AND (head, tail) >= (h, kelp_tail_1(r.key))
          AND head <= kelp_head_1(r.val)
          AND (head, tail) < (kelp_head_1(r.val), kelp_tail_1(r.val));
    ELSE
      INSERT INTO kelp_rows VALUES (h, th, kelp_tail_1(r.key), r.val)
        ON CONFLICT (head, tail_hash)
        DO UPDATE SET value = kelp_add_1(kelp_rows.value, EXCLUDED.value);
    END IF;
  END LOOP;
  printed := array_to_string(outcomes, ',');
  UPDATE kelp_writers SET number = as_number, outcomes = printed
    WHERE writer = by_writer AND epoch = in_epoch AND number = as_number - 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'kelp: a later connection took over' USING ERRCODE = 'KE001';
  END IF;
  RETURN printed;
END $$;
)sql";

}  // namespace kelp
