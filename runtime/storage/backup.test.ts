import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createBackup, restoreBackup, verifyBackup } from './backup.ts'
import { createBodyFile } from './body-file.ts'
import { type Database, openDatabase } from './database.ts'
import { acquireInstanceLock } from './instance-lock.ts'

const KEY = Buffer.alloc(32, 5)
const ABOUT = { release: '1.2.3', origin: 'log.test/box', madeAt: '2026-03-01T02:03:04.000Z' }
const MARKER = 'marker-of-a-record'

let place: string
let writer: Database
const at = (name: string) => join(place, name)
const site = (name: string) => ({ databasePath: at(`${name}.db`), checkpointPath: at(`${name}.checkpoint`) })
const backUp = (folder: string) => createBackup(KEY, site('live'), ABOUT, at(folder))
const write = (times = 1) =>
  writer.transact(() => {
    const insert = writer.prepare('INSERT INTO outbox (record) VALUES (?)')
    for (let count = 0; count < times; count += 1) insert.run(MARKER)
  })
const rowsIn = (path: string): unknown => {
  const database = openDatabase({ path, key: KEY, readonly: true })
  try {
    return database.prepare<{ n: number }>('SELECT count(*) AS n FROM outbox').get()?.n
  } finally {
    database.close()
  }
}
const code = (wanted: string) => expect.objectContaining({ code: wanted })

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'wardstone-backup-'))
  writer = openDatabase({ path: at('live.db'), key: KEY })
  writeFileSync(at('live.checkpoint'), 'the newest note')
  write(3)
})
afterEach(() => {
  vi.restoreAllMocks()
  writer.close()
  rmSync(place, { recursive: true, force: true })
})

describe('a backup', () => {
  it('is the database of one moment, with what lies in the write-ahead log, encrypted, for its owner alone', () => {
    backUp('b')
    write(2)
    expect(rowsIn(at('b/wardstone.db'))).toBe(3)
    expect(readFileSync(at('b/log.checkpoint'), 'utf8')).toBe('the newest note')
    expect(verifyBackup(at('b'))).toMatchObject({ ...ABOUT, v: 1 })
    const bytes = readFileSync(at('b/wardstone.db'))
    expect(bytes.includes(MARKER) || bytes.toString('latin1').startsWith('SQLite')).toBe(false)
    expect(statSync(at('b')).mode & 0o777).toBe(0o700)
    for (const name of ['wardstone.db', 'log.checkpoint', 'backup.json'])
      expect([name, statSync(at(`b/${name}`)).mode & 0o777]).toEqual([name, 0o600])
  })

  it('takes nothing from the database: the writer goes on, and no file is left beside', () => {
    const before = readdirSync(place).toSorted()
    backUp('b')
    write()
    expect(rowsIn(at('live.db'))).toBe(4)
    expect(readdirSync(place).toSorted()).toEqual([...before, 'b'].toSorted())
  })

  it('has the large records that lie beside the database', async () => {
    const beside = createBodyFile(at('live.db'))
    await beside.append(Buffer.alloc(70_000, 7))
    await beside.close()
    backUp('b')
    restoreBackup(at('b'), site('new'))
    expect(readFileSync(at('new.db-bodies'))).toEqual(Buffer.alloc(70_000, 7))
    rmSync(at('b/wardstone.db-bodies'))
    expect(() => verifyBackup(at('b'))).toThrow(code('storage_backup_damaged'))
  })

  it('is never half there: what cannot be written leaves nothing, and nothing is overwritten', () => {
    mkdirSync(at('there'))
    expect(() => backUp('there')).toThrow(code('storage_backup_exists'))
    const before = readdirSync(place).toSorted()
    expect(() => backUp('missing/b')).toThrow(code('storage_backup_unwritable'))
    rmSync(at('live.checkpoint'))
    expect(() => backUp('b')).toThrow(code('storage_backup_unwritable'))
    expect(readdirSync(place).toSorted()).toEqual(before.filter((name) => name !== 'live.checkpoint'))
  })

  it.each(['wardstone.db', 'log.checkpoint'])('of which %s was changed, cut or lost is none', (name) => {
    backUp('b')
    const original = readFileSync(at(`b/${name}`))
    for (const bytes of [original.subarray(1), Buffer.concat([original, Buffer.of(0)]), Buffer.from([])]) {
      writeFileSync(at(`b/${name}`), bytes)
      expect(() => verifyBackup(at('b'))).toThrow(code('storage_backup_damaged'))
    }
    rmSync(at(`b/${name}`))
    expect(() => restoreBackup(at('b'), site('new'))).toThrow(code('storage_backup_damaged'))
    expect(readdirSync(place).filter((file) => file.startsWith('new'))).toEqual([])
  })

  it('names no other file than its own', () => {
    backUp('b')
    const list = JSON.parse(readFileSync(at('b/backup.json'), 'utf8'))
    for (const wrong of [
      { ...list, v: 2 },
      { ...list, files: { ...list.files, '../live.db': list.files['wardstone.db'] } },
      { ...list, files: {} },
    ]) {
      writeFileSync(at('b/backup.json'), JSON.stringify(wrong))
      expect(() => verifyBackup(at('b'))).toThrow(code('storage_backup_damaged'))
    }
  })
})

describe('putting a backup back', () => {
  it('gives the same rows, which can be added to', () => {
    backUp('b')
    expect(restoreBackup(at('b'), site('new'))).toMatchObject(ABOUT)
    expect(rowsIn(at('new.db'))).toBe(3)
    expect(readFileSync(at('new.checkpoint'), 'utf8')).toBe('the newest note')
    const database = openDatabase({ path: at('new.db'), key: KEY })
    database.transact(() => database.prepare('INSERT INTO outbox (record) VALUES (?)').run(MARKER))
    database.close()
    expect(rowsIn(at('new.db'))).toBe(4)
  })

  it('overwrites no database and no part of one, and leaves a checkpoint that is there', () => {
    backUp('b')
    for (const suffix of ['', '-wal', '-shm', '-journal', '-bodies']) {
      writeFileSync(at(`new.db${suffix}`), 'of another time')
      expect(() => restoreBackup(at('b'), site('new'))).toThrow(code('storage_restore_occupied'))
      expect(readFileSync(at(`new.db${suffix}`), 'utf8')).toBe('of another time')
      rmSync(at(`new.db${suffix}`))
    }
    writeFileSync(at('new.checkpoint'), 'a newer note')
    restoreBackup(at('b'), site('new'))
    expect(readFileSync(at('new.checkpoint'), 'utf8')).toBe('a newer note')
  })

  it('is refused while something runs there, and to another account than the runtime has', () => {
    backUp('b')
    const lock = acquireInstanceLock(at('new.db.lock'))
    expect(() => restoreBackup(at('b'), site('new'))).toThrow(code('storage_locked'))
    lock.release()
    vi.spyOn(process, 'getuid').mockReturnValue(statSync(place).uid + 1)
    expect(() => restoreBackup(at('b'), site('new'))).toThrow(code('storage_restore_account'))
    expect(existsSync(at('new.db'))).toBe(false)
  })

  it('goes on where a full disk ended it, with the large records there and the database not', async () => {
    const large = createBodyFile(at('live.db'))
    await large.append(Buffer.alloc(70_000, 7))
    await large.close()
    backUp('b')
    restoreBackup(at('b'), site('first'))
    renameSync(at('first.db-bodies'), at('new.db-bodies'))
    restoreBackup(at('b'), site('new'))
    expect(rowsIn(at('new.db'))).toBe(3)
    expect(readFileSync(at('new.db-bodies'))).toEqual(Buffer.alloc(70_000, 7))
    writeFileSync(at('other.db-bodies'), Buffer.alloc(70_000, 8))
    expect(() => restoreBackup(at('b'), site('other'))).toThrow(code('storage_restore_occupied'))
  })

  it('does not trip over what was left when it was killed before', () => {
    backUp('b')
    writeFileSync(at('new.db.restoring'), 'half')
    appendFileSync(at('new.db.lock'), '')
    restoreBackup(at('b'), site('new'))
    expect(rowsIn(at('new.db'))).toBe(3)
    expect(existsSync(at('new.db.restoring'))).toBe(false)
  })
})
