import { createDecipheriv, createHmac, pbkdf2Sync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDatabase } from './database.ts'

const PAGE = 4096
const [IV, MAC] = [16, 64]

/** One page by the description of SQLCipher 4, without SQLite: HMAC-SHA512 over ciphertext, IV and page number, then AES-256-CBC. */
function openPage(file: Buffer, number: number, key: Buffer): Buffer {
  const salt = file.subarray(0, 16)
  const page = file.subarray((number - 1) * PAGE, number * PAGE)
  const sealed = page.subarray(number === 1 ? 16 : 0, PAGE - MAC)
  const macKey = pbkdf2Sync(key, Buffer.from(salt.map((byte) => byte ^ 0x3a)), 2, 32, 'sha512')
  const place = Buffer.alloc(4)
  place.writeUInt32LE(number)
  const mac = createHmac('sha512', macKey).update(sealed).update(place).digest()
  expect(mac.equals(page.subarray(PAGE - MAC))).toBe(true)
  const decipher = createDecipheriv('aes-256-cbc', key, sealed.subarray(sealed.length - IV)).setAutoPadding(false)
  return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - IV)), decipher.final()])
}

test('the file is SQLCipher format 4 under the raw key: every page is authenticated and encrypted', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cipher-'))
  const path = join(directory, 'evidence.db')
  const key = Buffer.alloc(32, 0x11)
  const database = openDatabase({ path, key })
  database.prepare('INSERT INTO outbox (record) VALUES (?)').run('a word to look for')
  database.checkpoint('TRUNCATE')
  database.close()
  const file = readFileSync(path)
  const pages = Array.from({ length: file.length / PAGE }, (_, index) => openPage(file, index + 1, key))
  expect(pages.length).toBeGreaterThan(10)
  expect(Buffer.concat(pages).includes('a word to look for')).toBe(true)
  expect(Buffer.concat(pages).includes('CREATE TABLE leaves')).toBe(true)
  expect(file.includes('a word to look for')).toBe(false)
  rmSync(directory, { recursive: true, force: true })
})
