import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Authority } from '../../device/identity/certificate-authority.ts'
import { directorySource } from './directory-source.ts'
import { FetchError } from './errors.ts'
import type { ReleaseSource } from './source.ts'
import { offerPackage, type PackageOnOffer, quickLimits, spoilt } from './testkit/package-on-offer.ts'
import { makeAuthority, makeCertificate, type ReleaseServer, startReleaseServer } from './testkit/release-server.ts'

const CHUNK_BYTES = 1024 * 1024
const PROGRAM = fileURLToPath(new URL('testkit/fetch-and-report.ts', import.meta.url))
const run = promisify(execFile)

let offer: PackageOnOffer
let bytes: Buffer
let asked: number[]

beforeAll(async () => {
  offer = await offerPackage(3 * CHUNK_BYTES + 5)
  bytes = Buffer.from(offer.made.package)
})
afterAll(() => offer?.remove())
afterEach(() => offer.clear())

/** A source in memory that notes where it was asked to begin. */
function sourceOf(content: Uint8Array, parts = 100_000): ReleaseSource {
  asked = []
  return {
    kind: 'directory',
    readFile: () => Promise.reject(new FetchError('fetch_file_missing')),
    openPackage: async function* (offset, lengthBytes) {
      asked.push(offset)
      for (let at = offset; at < lengthBytes; at += parts) yield content.subarray(at, Math.min(at + parts, lengthBytes))
    },
  }
}

const manifestEnd = (): number => 16 + bytes.readUInt32BE(12)

describe('what an earlier fetch has left', () => {
  test('is kept up to the last whole chunk, and the rest is asked for', async () => {
    const second = manifestEnd() + 2 * (CHUNK_BYTES + 16)
    for (const [left, from] of [
      [0, 0],
      [15, 0],
      [16, 16],
      [manifestEnd() - 1, 16],
      [manifestEnd(), manifestEnd()],
      [second - 1, second - CHUNK_BYTES - 16],
      [second, second],
      [second + 7, second],
    ]) {
      writeFileSync(offer.part, bytes.subarray(0, left))
      expect(await offer.fetch(sourceOf(bytes))).toBe('fetched')
      expect(asked).toEqual([from])
      expect(offer.hasArrived()).toBe(true)
      offer.clear()
    }
  })

  test('whole is not fetched again, under either name', async () => {
    for (const path of [offer.part, offer.into]) {
      writeFileSync(path, bytes)
      expect(await offer.fetch(sourceOf(Buffer.alloc(0)))).toBe('fetched')
      expect(asked).toEqual([])
      expect(offer.hasArrived()).toBe(true)
      offer.clear()
    }
  })

  test.each([
    ['with a byte changed in the second chunk', () => spoilt(bytes, manifestEnd() + CHUNK_BYTES + 100), CHUNK_BYTES],
    [
      'with zeros at its end, as after a loss of power',
      () => Buffer.concat([bytes.subarray(0, -9000), Buffer.alloc(9000)]),
      2 * CHUNK_BYTES,
    ],
    ['with more after its end', () => Buffer.concat([bytes, Buffer.alloc(10)]), Number.NaN],
    ['of another package', () => Buffer.alloc(bytes.length, 7), 0],
  ])('%s is cut where it stops being sound', async (_what, left, from) => {
    writeFileSync(offer.part, left())
    expect(await offer.fetch(sourceOf(bytes))).toBe('fetched')
    expect(offer.hasArrived()).toBe(true)
    if (Number.isNaN(from)) expect(asked).toEqual([])
    else expect(Math.floor((asked[0] ?? -1) / CHUNK_BYTES) * CHUNK_BYTES).toBe(from)
  })

  test('is never written through a link, and a folder in its place is an error', async () => {
    const victim = `${offer.into}.victim`
    writeFileSync(victim, 'precious')
    symlinkSync(victim, offer.part)
    expect(await offer.fetch(sourceOf(bytes))).toBe('fetch_store_failed')
    expect(readFileSync(victim, 'utf8')).toBe('precious')
    rmSync(offer.part)
    mkdirSync(offer.part)
    expect(await offer.fetch(sourceOf(bytes))).toBe('fetch_store_failed')
    rmSync(offer.part, { recursive: true })
    rmSync(victim)
  })
})

describe('nothing that was not signed', () => {
  test('is written to the disk, wherever it differs', async () => {
    const end = manifestEnd()
    for (const [position, code] of [
      [0, 'package_magic_wrong'],
      [9, 'package_version_unsupported'],
      [12, 'package_header_corrupt'],
      [20, 'package_manifest_corrupt'],
      [end, 'package_chunk_corrupt'],
      [end + CHUNK_BYTES + 16, 'package_chunk_corrupt'],
      [bytes.length - 1, 'package_chunk_corrupt'],
    ] as const) {
      expect(await offer.fetch(sourceOf(spoilt(bytes, position)))).toBe(code)
      const kept = readFileSync(offer.part)
      expect(kept.length).toBeLessThanOrEqual(position)
      expect(kept.equals(bytes.subarray(0, kept.length))).toBe(true)
      expect(existsSync(offer.into)).toBe(false)
      offer.clear()
    }
  })

  test('and chunks in another order are named so', async () => {
    const [at, size] = [manifestEnd(), CHUNK_BYTES + 16]
    const [before, first, second, rest] = [[0, at], [at, at + size], [at + size, at + 2 * size], [at + 2 * size]].map(
      ([from, to]) => bytes.subarray(from, to),
    )
    const turned = Buffer.concat([before, second, first, rest].filter((part) => part !== undefined))
    expect(await offer.fetch(sourceOf(turned))).toBe('package_chunk_reordered')
  })

  test('and chunks that all hold under another signed hash are refused at the end', async () => {
    const target = { ...offer.target, packageHash: 'a'.repeat(64) }
    expect(await offer.fetch(sourceOf(bytes), { target })).toBe('package_hash_mismatch')
    expect(existsSync(offer.into)).toBe(false)
  })

  test('and a manifest of another model or of another length is refused before its payload is asked for', async () => {
    const other = { ...offer.target, modelId: 'other' }
    let taken = 0
    const counting = sourceOf(bytes, 1000)
    const source: ReleaseSource = {
      ...counting,
      openPackage: async function* (...job) {
        for await (const part of counting.openPackage(...job)) {
          taken += part.length
          yield part
        }
      },
    }
    expect(await offer.fetch(source, { target: other })).toBe('package_identity_mismatch')
    expect(await offer.fetch(source, { target: { ...offer.target, lengthBytes: bytes.length - 1 } })).toBe(
      'package_layout_invalid',
    )
    expect(taken).toBeLessThan(8 * manifestEnd())
  })

  test('and what a source gives beyond the end is refused', async () => {
    const more: ReleaseSource = {
      ...sourceOf(bytes),
      openPackage: async function* () {
        yield bytes
        yield Buffer.of(0)
      },
    }
    expect(await offer.fetch(more)).toBe('package_oversized')
    expect(existsSync(offer.into)).toBe(false)
  })

  test('however the bytes are cut into parts', async () => {
    for (const parts of [1013, CHUNK_BYTES, bytes.length]) {
      expect(await offer.fetch(sourceOf(bytes, parts))).toBe('fetched')
      expect(offer.hasArrived()).toBe(true)
      offer.clear()
    }
  })
})

describe('limits', () => {
  test('a package larger than this device takes is not begun', async () => {
    const limits = { ...quickLimits, maxPackageBytes: bytes.length - 1 }
    expect(await offer.fetch(sourceOf(bytes), { limits })).toBe('fetch_package_too_large')
    expect(asked).toEqual([])
    expect(existsSync(offer.part)).toBe(false)
  })

  test('a disk without room for it and the reserve is not begun on', async () => {
    const limits = { ...quickLimits, reserveBytes: 2 ** 60 }
    expect(await offer.fetch(sourceOf(bytes), { limits })).toBe('fetch_disk_full')
    expect(asked).toEqual([])
    expect(existsSync(offer.part)).toBe(false)
  })

  test('the group of the store may read what has arrived, others not', async () => {
    expect(await offer.fetch(sourceOf(bytes))).toBe('fetched')
    expect(statSync(offer.into).mode & 0o777).toBe(0o640)
  })
})

describe('in a process of its own', () => {
  let authority: Authority
  let server: ReleaseServer
  let folder: string
  beforeAll(async () => {
    authority = await makeAuthority()
    server = await startReleaseServer(await makeCertificate(authority))
    folder = mkdtempSync(join(tmpdir(), 'wardstone-offered-'))
    writeFileSync(join(folder, 'package.wspkg'), bytes)
  })
  afterAll(async () => {
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('killed in the middle of a fetch, it has what was proven, and the next one asks for the rest', async () => {
    server.files.set('package.wspkg', bytes)
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length })
      response.write(bytes.subarray(0, 2 * CHUNK_BYTES + 300_000))
    }
    const args = [PROGRAM, JSON.stringify(offer.target), offer.into, server.url, authority.certificatePem]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const line of createInterface({ input: child.stdout })) if (Number(line) > CHUNK_BYTES) break
    child.kill('SIGKILL')
    await once(child, 'close')
    expect(existsSync(offer.into)).toBe(false)
    const kept = statSync(offer.part).size
    expect(kept).toBeGreaterThan(CHUNK_BYTES)

    server.ranges.length = 0
    server.answer = (_request, _response, serve) => serve()
    const { stdout } = await run(process.execPath, args)
    expect(stdout.trim().split('\n').at(-1)).toBe('fetched')
    expect(server.ranges).toEqual([`bytes=${kept}-${bytes.length - 1}`])
    expect(offer.hasArrived()).toBe(true)
  })

  test('whose disk fills up in between, it says so and leaves no half of a package', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'wardstone-small-disk-'))
    const args = [
      PROGRAM,
      JSON.stringify(offer.target),
      join(disk, 'package.wspkg'),
      folder,
      '',
      String(2 * CHUNK_BYTES),
    ]
    const small = ['--size', String(4 * CHUNK_BYTES), '--tmpfs', disk]
    const list = ['/bin/sh', '-c', `"$@"; ls ${disk}`, 'sh', process.execPath, ...args]
    const { stdout } = await run('bwrap', ['--dev-bind', '/', '/', ...small, '--', ...list])
    const lines = stdout.trim().split('\n')
    expect(lines.slice(-2)).toEqual(['fetch_disk_full', 'package.wspkg.filler'])
    // It had begun: the room was there when it was looked for.
    expect(Number(lines.at(-3))).toBeGreaterThan(0)
    rmSync(disk, { recursive: true })
  })

  test('whose disk is too small from the start, it does not begin', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'wardstone-small-disk-'))
    const args = [PROGRAM, JSON.stringify(offer.target), join(disk, 'package.wspkg'), folder]
    const small = ['--size', String(2 * CHUNK_BYTES), '--tmpfs', disk]
    const { stdout } = await run('bwrap', ['--dev-bind', '/', '/', ...small, '--', process.execPath, ...args])
    expect(stdout.trim().split('\n')).toEqual(['0', 'fetch_disk_full'])
    rmSync(disk, { recursive: true })
  })
})

describe('from a folder', () => {
  let folder: string
  const put = (content: Uint8Array) => writeFileSync(join(folder, 'package.wspkg'), content)
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wardstone-offered-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('a package is fetched, and one of another length refused at once', async () => {
    put(bytes)
    expect(await offer.fetch(directorySource(folder))).toBe('fetched')
    expect(offer.hasArrived()).toBe(true)
    offer.clear()
    truncateSync(join(folder, 'package.wspkg'), bytes.length - 1)
    expect(await offer.fetch(directorySource(folder))).toBe('package_truncated')
    put(Buffer.concat([bytes, Buffer.of(0)]))
    expect(await offer.fetch(directorySource(folder))).toBe('package_oversized')
  })

  test('what is wrong on the medium is read once more and then refused; what was fetched before is still used', async () => {
    put(spoilt(bytes, bytes.length - 1))
    expect(await offer.fetch(directorySource(folder))).toBe('package_chunk_corrupt')
    expect(statSync(offer.part).size).toBeGreaterThan(2 * CHUNK_BYTES)
    put(bytes)
    chmodSync(join(folder, 'package.wspkg'), 0o444)
    expect(await offer.fetch(directorySource(folder, 'usb'))).toBe('fetched')
  })
})
