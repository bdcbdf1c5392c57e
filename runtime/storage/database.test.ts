import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keyConnection, verifyCipher } from './cipher.ts'
import { type Database, openDatabase } from './database.ts'
import { leafMember, migrations } from './schema.ts'

const key = Buffer.alloc(32, 9)
let directory: string
let path: string
let database: Database | undefined

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'database-'))
  path = join(directory, 'evidence.db')
})
afterEach(() => {
  database?.close()
  database = undefined
  rmSync(directory, { recursive: true, force: true })
})

function raw(withKey: Uint8Array = key): Sqlite.Database {
  const connection = new Sqlite(path)
  keyConnection(connection, withKey)
  return connection
}

describe('openDatabase', () => {
  test('makes an encrypted file that only its owner can read, and leaves no debris', () => {
    database = openDatabase({ path, key })
    expect(readFileSync(path).subarray(0, 15).toString()).not.toBe('SQLite format 3')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600)
    expect(readdirSync(directory).sort()).toEqual(['evidence.db', 'evidence.db-shm', 'evidence.db-wal'])
  })

  test('clears what a start that was cut off left of the self-test', () => {
    writeFileSync(`${path}.self-test`, 'half-written')
    database = openDatabase({ path, key })
    expect(readdirSync(directory)).not.toContain('evidence.db.self-test')
  })

  test('refuses another key and a key of another size', () => {
    openDatabase({ path, key }).close()
    expect(() => openDatabase({ path, key: Buffer.alloc(32, 1) })).toThrow(
      expect.objectContaining({ code: 'storage_key_wrong' }),
    )
    expect(() => openDatabase({ path, key: Buffer.alloc(16, 1) })).toThrow(
      expect.objectContaining({ code: 'storage_key_wrong' }),
    )
    expect(() => openDatabase({ path, key: Buffer.alloc(32, 1), readonly: true })).toThrow(
      expect.objectContaining({ code: 'storage_key_wrong' }),
    )
  })

  test('refuses a plain database', () => {
    const plain = new Sqlite(path)
    plain.exec('CREATE TABLE t (a)')
    plain.close()
    expect(() => openDatabase({ path, key })).toThrow(expect.objectContaining({ code: 'storage_not_encrypted' }))
  })

  test('refuses a library without a cipher: the self-test reads what is on disk', () => {
    // What plain better-sqlite3 does: it takes `key` and stores plain text.
    const plain = (at: string) => Object.assign(new Sqlite(at), { key: () => 0 })
    expect(() => verifyCipher(join(directory, 'scratch'), plain)).toThrow(
      expect.objectContaining({ code: 'storage_not_encrypted' }),
    )
    expect(readdirSync(directory)).toEqual([])
  })

  test('refuses a database of a newer release, and one that is missing', () => {
    openDatabase({ path, key }).close()
    const connection = raw()
    connection.exec('INSERT INTO migrations (version) VALUES (99)')
    connection.close()
    expect(() => openDatabase({ path, key })).toThrow(expect.objectContaining({ code: 'storage_version_unsupported' }))
    expect(() => openDatabase({ path: join(directory, 'none.db'), key, readonly: true })).toThrow(
      expect.objectContaining({ code: 'storage_unreadable' }),
    )
    expect(() => openDatabase({ path: join(directory, 'no/such/place.db'), key })).toThrow(
      expect.objectContaining({ code: 'storage_unreadable' }),
    )
  })

  test('brings a database of an older release up to this one, and a reader takes it as it is', () => {
    const old = raw()
    for (const statement of migrations[0]!.statements) old.exec(statement)
    old.exec('INSERT INTO migrations (version) VALUES (1)')
    const leaf = Buffer.from('{"at":"2026-01-01T00:00:00.000Z","kind":"read"}')
    old
      .prepare('INSERT INTO leaves (idx, leaf, hash, chain) VALUES (0, ?, ?, ?)')
      .run(leaf, Buffer.alloc(32), Buffer.alloc(32))
    old.pragma('journal_mode=WAL')
    old.close()
    const byMoment = `SELECT idx FROM leaves WHERE ${leafMember('at')} = '2026-01-01T00:00:00.000Z'`
    const reader = openDatabase({ path, key, readonly: true })
    expect([reader.isSchemaAsBuilt(), reader.prepare(byMoment).all()]).toEqual([true, [{ idx: 0 }]])
    reader.close()
    database = openDatabase({ path, key })
    expect(database.isSchemaAsBuilt()).toBe(true)
    expect(database.isIntact()).toBe(true)
    expect(database.prepare('SELECT max(version) AS version FROM migrations').get()).toEqual({
      version: migrations.length,
    })
    const indexed = byMoment.replace('WHERE', 'INDEXED BY leaves_at WHERE')
    expect(database.prepare(indexed).all()).toEqual([{ idx: 0 }])
  })

  test('sets its pragmas at every open', () => {
    openDatabase({ path, key }).close()
    for (const readonly of [false, true]) {
      database = openDatabase({ path, key, readonly })
      const pragma = (name: string) => database?.prepare<Record<string, unknown>>(`SELECT * FROM pragma_${name}`).get()
      expect(pragma('journal_mode')).toEqual({ journal_mode: 'wal' })
      expect(pragma('synchronous')).toEqual({ synchronous: 2 })
      expect(pragma('temp_store')).toEqual({ temp_store: 2 })
      expect(pragma('foreign_keys')).toEqual({ foreign_keys: 1 })
      expect(pragma('recursive_triggers')).toEqual({ recursive_triggers: 1 })
      expect(pragma('trusted_schema')).toEqual({ trusted_schema: 0 })
      expect(pragma('secure_delete')).toEqual({ secure_delete: 1 })
      database.close()
    }
  })

  test('never moves the write-ahead log inside a commit', () => {
    database = openDatabase({ path, key })
    const insert = database.prepare('INSERT INTO outbox (record) VALUES (?)')
    for (let count = 0; count < 3; count += 1) database.transact(() => insert.run('x'.repeat(2_000_000)))
    expect(database.walFrames()).toBeGreaterThan(1200)
    database.checkpoint('TRUNCATE')
    expect(database.walFrames()).toBe(0)
  })

  test.each([
    "ATTACH 'x' AS y KEY ''",
    ' attach database x as y',
    'PRAGMA key = 1',
    "VACUUM INTO 'x'",
    'DETACH y',
    '/* */ ATTACH x AS y',
    '-- a\nATTACH x AS y',
  ])('has no way to a second file: %s', (sql) => {
    database = openDatabase({ path, key })
    expect(() => database?.prepare(sql)).toThrow(expect.objectContaining({ code: 'storage_statement_refused' }))
  })

  test('undoes a transaction that throws, and goes on', () => {
    database = openDatabase({ path, key })
    const insert = database.prepare('INSERT INTO outbox (record) VALUES (?)')
    expect(() =>
      database?.transact(() => {
        insert.run('a')
        insert.run(null)
      }),
    ).toThrow(expect.objectContaining({ code: 'storage_failed' }))
    database.transact(() => insert.run('b'))
    expect(database.prepare('SELECT record FROM outbox').all()).toEqual([{ record: 'b' }])
  })

  test('a flipped byte in the file is noticed, not read', () => {
    database = openDatabase({ path, key })
    database.transact(() => database?.prepare('INSERT INTO outbox (record) VALUES (?)').run('x'.repeat(20_000)))
    database.close()
    const file = openSync(path, 'r+')
    const at = statSync(path).size - 2000
    const byte = Buffer.alloc(1)
    readSync(file, byte, 0, 1, at)
    writeSync(file, Buffer.of((byte[0] ?? 0) ^ 1), 0, 1, at)
    closeSync(file)
    database = openDatabase({ path, key })
    expect(() => database?.prepare('SELECT record FROM outbox').all()).toThrow()
  })
})

describe('append-only tables', () => {
  const rows: Record<string, string> = {
    migrations: '(version) VALUES (98)',
    log: "(id, origin, key) VALUES (1, 'o', 'k')",
    key_checks: "(name, value) VALUES ('n', x'00')",
    leaves: "(idx, leaf, hash, chain) VALUES (0, x'00', zeroblob(32), zeroblob(32))",
    bodies: "(idx, id, subject, nonce, sealed) VALUES (0, 'i', 's', x'00', x'00')",
    checkpoints: "(size, note) VALUES (1, 'n')",
    activations: "(idx, slot, model_id, version, package_hash, release_counter) VALUES (0, 's', 'm', 'v', 'h', 1)",
    image_versions: '(idx, version) VALUES (0, 1)',
  }
  const column: Record<string, string> = {
    migrations: 'version',
    log: 'origin',
    key_checks: 'value',
    leaves: 'leaf',
    bodies: 'sealed',
    checkpoints: 'note',
    activations: 'release_counter',
    image_versions: 'version',
  }

  test.each(Object.keys(rows))('%s refuses UPDATE, DELETE and REPLACE', (table) => {
    database = openDatabase({ path, key })
    for (const [name, values] of Object.entries(rows)) database.prepare(`INSERT INTO ${name} ${values}`).run()
    const before = database.prepare(`SELECT * FROM ${table}`).all()
    expect(() => database?.prepare(`UPDATE ${table} SET ${column[table]} = ${column[table]}`).run()).toThrow(
      'append-only',
    )
    expect(() => database?.prepare(`DELETE FROM ${table}`).run()).toThrow('append-only')
    expect(() => database?.prepare(`INSERT OR REPLACE INTO ${table} ${rows[table]}`).run()).toThrow()
    expect(database.prepare(`SELECT * FROM ${table}`).all()).toEqual(before)
  })

  test('outbox rows may go once egress has them, and subjects when they are erased; neither may change', () => {
    database = openDatabase({ path, key })
    database.prepare("INSERT INTO outbox (record) VALUES ('r')").run()
    database.prepare("INSERT INTO subjects (pseudonym, lookup, nonce, wrapped) VALUES ('p', x'00', x'00', x'00')").run()
    for (const change of ["UPDATE outbox SET record = 'x'", "UPDATE subjects SET wrapped = x'01'"]) {
      expect(() => database?.prepare(change).run()).toThrow('append-only')
    }
    database.prepare('DELETE FROM outbox').run()
    database.prepare('DELETE FROM subjects').run()
  })

  test('a database whose triggers were dropped is refused by a writer', () => {
    openDatabase({ path, key }).close()
    const connection = raw()
    connection.exec('DROP TRIGGER leaves_no_delete')
    connection.close()
    expect(() => openDatabase({ path, key })).toThrow(expect.objectContaining({ code: 'storage_schema_altered' }))
  })
})
