import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { bodyFilePath, bodyInFull, createBodyFile } from './body-file.ts'

let folder: string
let database: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'body-file-'))
  database = join(folder, 'evidence.db')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const bytes = (fill: number, length = 70_000) => Buffer.alloc(length, fill)

describe('the file of large records', () => {
  it('is made with the first of them, for its owner alone', async () => {
    const file = createBodyFile(database)
    expect(existsSync(bodyFilePath(database))).toBe(false)
    await file.append(bytes(1))
    expect(statSync(bodyFilePath(database)).mode & 0o777).toBe(0o600)
    await file.close()
  })

  it('has each at its place, also of several at once and after it was opened anew', async () => {
    const first = createBodyFile(database)
    const places = await Promise.all([1, 2, 3].map((fill) => first.append(bytes(fill))))
    await first.close()
    const second = createBodyFile(database)
    places.push(await second.append(bytes(4, 5)))
    await second.close()
    const read = places.map((sealed) => bodyInFull({ sealed }, database)?.sealed)
    expect(read).toEqual([bytes(1), bytes(2), bytes(3), bytes(4, 5)])
  })

  it('leaves alone what a crash left at its end', async () => {
    const first = createBodyFile(database)
    await first.append(bytes(1))
    await first.close()
    truncateSync(bodyFilePath(database), 1000)
    const second = createBodyFile(database)
    const place = await second.append(bytes(2))
    await second.close()
    expect(bodyInFull({ sealed: place }, database)?.sealed).toEqual(bytes(2))
    expect(readFileSync(bodyFilePath(database)).subarray(0, 1000)).toEqual(bytes(1, 1000))
  })

  it('says so when bytes are not there: cut off, without a file, or of a length nobody wrote', async () => {
    const file = createBodyFile(database)
    const place = await file.append(bytes(1))
    await file.close()
    const mad = Buffer.from(place)
    mad.writeUInt32BE(0xffff_ffff, 8)
    expect(bodyInFull({ sealed: mad }, database)).toBeUndefined()
    truncateSync(bodyFilePath(database), 69_999)
    expect(bodyInFull({ sealed: place }, database)).toBeUndefined()
    rmSync(bodyFilePath(database))
    expect(bodyInFull({ sealed: place }, database)).toBeUndefined()
  })

  it('takes a record in the row as it is', () => {
    const row = { sealed: bytes(1, 100) }
    expect(bodyInFull(row, database)).toBe(row)
  })

  it('waits for nobody where a pipe or a link stands in its place', async () => {
    const file = createBodyFile(database)
    const sealed = await file.append(bytes(1))
    await file.close()
    renameSync(bodyFilePath(database), `${database}-elsewhere`)
    symlinkSync(`${database}-elsewhere`, bodyFilePath(database))
    expect(bodyInFull({ sealed }, database)).toBeUndefined()
    rmSync(bodyFilePath(database))
    execFileSync('mkfifo', [bodyFilePath(database)])
    expect(bodyInFull({ sealed }, database)).toBeUndefined()
  })

  it('vouches for nothing beside a record whose pages were lost, and is opened again', async () => {
    const probe = await open(database, 'w')
    const datasync = vi.spyOn(Object.getPrototypeOf(probe) as FileHandle, 'datasync')
    await probe.close()
    const file = createBodyFile(database)
    await file.append(bytes(1))
    // Told once, as the kernel does, though several wait.
    datasync.mockRejectedValueOnce(Object.assign(new TypeError('lost'), { code: 'EIO' }))
    const beside = await Promise.allSettled([2, 3, 4].map((fill) => file.append(bytes(fill))))
    expect(beside.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    const sealed = await file.append(bytes(5))
    expect(bodyInFull({ sealed }, database)?.sealed).toEqual(bytes(5))
    await file.close()
    datasync.mockRestore()
  })

  it('can be tried again after it could not be opened', async () => {
    const file = createBodyFile(database)
    mkdirSync(bodyFilePath(database))
    await expect(file.append(bytes(1))).rejects.toMatchObject({ code: 'EISDIR' })
    rmSync(bodyFilePath(database), { recursive: true })
    expect(await file.append(bytes(1))).toHaveLength(12)
    await file.close()
  })
})
