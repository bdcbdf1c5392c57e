/** Marks the file as ours: "WSFT". */
export const APPLICATION_ID = 0x57534654

/** Version n of the tables is the first n entries; a released entry never changes. */
export const fleetSchema: readonly string[] = [
  `
  CREATE TABLE device (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
  ) STRICT;

  -- One row for each queue that a device has had: everything up to "through" is stored, or was acknowledged before this
  -- database began ("missing" counts those).
  CREATE TABLE stream (
    device INTEGER NOT NULL REFERENCES device(id),
    stream INTEGER NOT NULL,
    through INTEGER NOT NULL DEFAULT 0,
    highest INTEGER NOT NULL DEFAULT 0,
    stored INTEGER NOT NULL DEFAULT 0,
    missing INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device, stream)
  ) STRICT, WITHOUT ROWID;

  -- The key is what makes a record count once.
  CREATE TABLE decision (
    device INTEGER NOT NULL REFERENCES device(id),
    stream INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (device, stream, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX decision_by_time ON decision (received_at_ms);

  CREATE TABLE state (
    device INTEGER PRIMARY KEY REFERENCES device(id),
    stream INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    is_online INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    heard_at_ms INTEGER NOT NULL,
    last INTEGER,
    how TEXT,
    condition TEXT
  ) STRICT;

  CREATE TABLE checkpoint (
    device INTEGER NOT NULL REFERENCES device(id),
    origin TEXT NOT NULL,
    size INTEGER NOT NULL,
    root TEXT NOT NULL,
    note TEXT NOT NULL,
    received_at_ms INTEGER NOT NULL,
    PRIMARY KEY (device, origin, size)
  ) STRICT, WITHOUT ROWID;

  -- The newest of each log's history; a log that contradicted itself is broken, and nothing more is taken from it.
  CREATE TABLE log (
    device INTEGER NOT NULL REFERENCES device(id),
    origin TEXT NOT NULL,
    size INTEGER NOT NULL DEFAULT 0,
    received_at_ms INTEGER NOT NULL,
    broken_since_ms INTEGER,
    PRIMARY KEY (device, origin)
  ) STRICT, WITHOUT ROWID;

  -- What should not have been: evidence where there is some, else counted.
  CREATE TABLE finding (
    device TEXT NOT NULL,
    kind TEXT NOT NULL,
    evidence TEXT NOT NULL,
    first_at_ms INTEGER NOT NULL,
    last_at_ms INTEGER NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (device, kind, evidence)
  ) STRICT, WITHOUT ROWID;
  `,
]
