import { existsSync, readFileSync, rmSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { StorageError } from './errors.ts'
import { readStart } from './file-start.ts'

/**
 * SQLCipher format 4: AES-256-CBC with HMAC-SHA512 per page. Chosen over the library's default (ChaCha20-Poly1305) because
 * the format is published and other tools read it, and a hospital's cryptography policy lists AES and HMAC. AEGIS would be faster,
 * but is not yet a published standard.
 */
const CIPHER = 'sqlcipher'
const FORMAT = 4
const PAGE_BYTES = 4096
const KEY_BYTES = 32

const PLAIN_HEADER = 'SQLite format 3\0'
const MARKER = 'wardstone-plaintext-self-test-marker'

/**
 * Gives a connection its key, before anything is read. The key is raw: no passphrase, no derivation.
 * @throws StorageError storage_key_wrong when the key is not 32 bytes, storage_not_encrypted when there is no cipher.
 */
export function keyConnection(connection: Sqlite.Database, key: Uint8Array): void {
  if (key.length !== KEY_BYTES) throw new StorageError('storage_key_wrong')
  if (!('key' in connection) || typeof connection.key !== 'function') throw new StorageError('storage_not_encrypted')
  const text = Buffer.from(`x'${Buffer.from(key).toString('hex')}'`)
  try {
    connection.pragma(`cipher='${CIPHER}'`)
    connection.pragma(`legacy=${FORMAT}`)
    connection.pragma(`legacy_page_size=${PAGE_BYTES}`)
    connection.key(text)
  } catch (cause) {
    throw new StorageError('storage_not_encrypted', { cause })
  } finally {
    text.fill(0)
  }
}

/** @throws StorageError storage_not_encrypted when the file begins as a plain SQLite database does. */
export function verifyNotPlain(path: string): void {
  if (readStart(path, PLAIN_HEADER.length).toString('latin1') === PLAIN_HEADER)
    throw new StorageError('storage_not_encrypted')
}

/**
 * Proves that this SQLite library encrypts: a marker written to a scratch database must not be found in its files, and
 * another key must not open it. A library without a cipher accepts a key and stores plain text, so asking it proves nothing.
 * @throws StorageError storage_not_encrypted; what SQLite raises when the scratch file cannot be written.
 */
export function verifyCipher(path: string, connect: (path: string) => Sqlite.Database): void {
  removeScratch(path)
  const scratch = connect(path)
  try {
    keyConnection(scratch, Buffer.alloc(KEY_BYTES, 1))
    scratch.pragma('journal_mode=WAL')
    scratch.pragma('synchronous=OFF')
    scratch.exec('CREATE TABLE marker (text TEXT)')
    scratch.prepare('INSERT INTO marker VALUES (?)').run(MARKER)
    requireAbsent(`${path}-wal`)
    scratch.pragma('wal_checkpoint(TRUNCATE)')
    requireAbsent(path)
    verifyNotPlain(path)
    if (opensWith(path, Buffer.alloc(KEY_BYTES, 2), connect)) throw new StorageError('storage_not_encrypted')
  } finally {
    scratch.close()
    removeScratch(path)
  }
}

function requireAbsent(path: string): void {
  if (existsSync(path) && readFileSync(path).includes(MARKER)) throw new StorageError('storage_not_encrypted')
}

function opensWith(path: string, key: Uint8Array, connect: (path: string) => Sqlite.Database): boolean {
  const other = connect(path)
  try {
    keyConnection(other, key)
    other.prepare('SELECT count(*) FROM sqlite_schema').get()
    return true
  } catch (error) {
    if (error instanceof Sqlite.SqliteError && error.code === 'SQLITE_NOTADB') return false
    throw error
  } finally {
    other.close()
  }
}

function removeScratch(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${suffix}`, { force: true })
}
