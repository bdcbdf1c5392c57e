/**
 * The tables of the evidence database, one entry per version. A released entry never changes: a change is a new entry.
 * Rows of the log are append-only. The triggers hold our own code to that; against somebody who holds the database key
 * they are no wall, and `wardstone audit verify` is what shows the change.
 */
export interface Migration {
  readonly version: number
  readonly statements: readonly string[]
}

/** Both verbs refused. `INSERT OR REPLACE` is refused too, because recursive_triggers is on. */
function appendOnly(table: string): string[] {
  return [refuse(table, 'UPDATE'), refuse(table, 'DELETE')]
}

function refuse(table: string, verb: 'UPDATE' | 'DELETE'): string {
  return `CREATE TRIGGER ${table}_no_${verb.toLowerCase()} BEFORE ${verb} ON ${table} BEGIN SELECT RAISE(ABORT, 'append-only'); END`
}

const first: Migration = {
  version: 1,
  statements: [
    'CREATE TABLE migrations (version INTEGER PRIMARY KEY) STRICT',
    // Which log this is; written with its first leaf.
    'CREATE TABLE log (id INTEGER PRIMARY KEY CHECK (id = 1), origin TEXT NOT NULL, key TEXT NOT NULL) STRICT',
    // Tells a wrong key-encryption key from a damaged row.
    'CREATE TABLE key_checks (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID',
    `CREATE TABLE leaves (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, hash BLOB NOT NULL CHECK (length(hash) = 32),
      chain BLOB NOT NULL CHECK (length(chain) = 32)) STRICT`,
    `CREATE TABLE bodies (idx INTEGER PRIMARY KEY REFERENCES leaves (idx), id TEXT NOT NULL UNIQUE, subject TEXT NOT NULL,
      about TEXT, nonce BLOB NOT NULL, sealed BLOB NOT NULL) STRICT`,
    'CREATE INDEX bodies_about ON bodies (about, idx) WHERE about IS NOT NULL',
    // The lookup is a keyed hash of the patient's identifier; erasing a subject removes its row, and with it the key.
    `CREATE TABLE subjects (pseudonym TEXT PRIMARY KEY, lookup BLOB NOT NULL UNIQUE, nonce BLOB NOT NULL, wrapped BLOB NOT NULL)
      STRICT, WITHOUT ROWID`,
    'CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT',
    // The compact range at the end of the log: what appending needs, checked against the last signed checkpoint at start.
    'CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL, frontier BLOB NOT NULL, chain BLOB NOT NULL) STRICT',
    `CREATE TABLE activations (idx INTEGER PRIMARY KEY REFERENCES leaves (idx), slot TEXT NOT NULL, model_id TEXT NOT NULL,
      version TEXT NOT NULL, package_hash TEXT NOT NULL, release_counter INTEGER NOT NULL) STRICT`,
    'CREATE INDEX activations_floor ON activations (model_id, release_counter, idx)',
    'CREATE INDEX activations_package ON activations (package_hash)',
    // Rows wait here until egress has them; only these are removed in ordinary work.
    'CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL) STRICT',
    ...['migrations', 'log', 'key_checks', 'leaves', 'bodies', 'checkpoints', 'activations'].flatMap(appendOnly),
    refuse('subjects', 'UPDATE'),
    refuse('outbox', 'UPDATE'),
    refuse('head', 'DELETE'),
  ],
}

/**
 * SQL for one member of a leaf. The leaves stay the only source: an index over this is derived, cannot be written apart from
 * its leaf, and a search without it finds the same, more slowly. What is no JSON has no members.
 */
export function leafMember(
  name: 'at' | 'kind' | 'client' | 'by' | 'role' | 'model' | 'outcome' | 'alert' | 'decision' | 'event',
): string {
  const text = 'CAST(leaf AS TEXT)'
  return `CASE WHEN json_valid(${text}) THEN json_extract(${text}, '$.${name}') END`
}

const search: Migration = {
  version: 2,
  statements: [
    'CREATE INDEX bodies_subject ON bodies (subject)',
    `CREATE INDEX leaves_at ON leaves (${leafMember('at')})`,
    ...(['client', 'model', 'decision'] as const).map(
      (name) => `CREATE INDEX leaves_${name} ON leaves (${leafMember(name)}) WHERE ${leafMember(name)} IS NOT NULL`,
    ),
    `CREATE INDEX leaves_exported ON leaves (idx) WHERE ${leafMember('kind')} = 'exported'`,
  ],
}

/** From this version on the database knows which change of a slot each activation was. */
export const CHANGES_VERSION = 3

const changes: Migration = {
  version: CHANGES_VERSION,
  statements: [
    // Both are null in rows of releases that knew no changes: those went live at a start.
    'ALTER TABLE activations ADD COLUMN event TEXT',
    "ALTER TABLE activations ADD COLUMN change TEXT CHECK (change IN ('activate', 'rollback'))",
    // One change is one leaf, whatever is asked twice.
    'CREATE UNIQUE INDEX activations_event ON activations (event) WHERE event IS NOT NULL',
    'CREATE INDEX activations_slot ON activations (slot, idx)',
    `CREATE INDEX leaves_event ON leaves (${leafMember('event')}) WHERE ${leafMember('event')} IS NOT NULL`,
    'CREATE TABLE image_versions (idx INTEGER PRIMARY KEY REFERENCES leaves (idx), version INTEGER NOT NULL) STRICT',
    ...appendOnly('image_versions'),
  ],
}

const fewerIndexes: Migration = {
  version: 4,
  // Each cost a decision one page more to write, and spared little: a few clients and models share all of the log, so a
  // search for one reads about as much with its index as without, a window at a time (docs/performance.md).
  statements: ['DROP INDEX leaves_client', 'DROP INDEX leaves_model'],
}

/** No table changes; a release that does not know that records may lie beside the database must not write to it. */
const bodiesBeside: Migration = { version: 5, statements: [] }

export const migrations: readonly Migration[] = [first, search, changes, fewerIndexes, bodiesBeside]
