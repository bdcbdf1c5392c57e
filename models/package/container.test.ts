import { spawnSync } from 'node:child_process'
import { createDecipheriv, createHash, hkdfSync } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { CHUNK_BYTES, chunkCount, decryptFile } from './container.ts'
import { readContainer } from './header.ts'
import type { FileRole } from './manifest.ts'
import { type PackedPackage, packModel } from './pack.ts'
import { sampleDraft } from './testkit/sample-draft.ts'

const folder = mkdtempSync(join(tmpdir(), 'wardstone-container-'))
afterAll(() => rmSync(folder, { recursive: true }))

const pack = (files: Parameters<typeof sampleDraft>[0]) => packModel(sampleDraft(files), systemRandomness)
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

function decrypt(
  packed: PackedPackage,
  index: number,
  changes: Partial<Parameters<typeof decryptFile>[0]> = {},
): Buffer {
  const path = join(folder, 'p.wspkg')
  writeFileSync(path, packed.bytes)
  const { payloadOffset } = readContainer((at, length) => packed.bytes.subarray(at, at + length), packed.bytes.length)
  const fd = openSync(path, 'r')
  try {
    const salt = Buffer.from(packed.manifest.encryption.salt, 'hex')
    const file = packed.manifest.files[index]!
    return decryptFile({ fd, payloadOffset, file, index, contentKey: packed.contentKey, salt, ...changes })
  } finally {
    closeSync(fd)
  }
}

/** A second reader, from docs/package-format.md and node:crypto alone. */
function readIndependently(bytes: Uint8Array, contentKey: Uint8Array): Map<string, Buffer> {
  const all = Buffer.from(bytes)
  expect(all.subarray(0, 8).toString('hex')).toBe('5753504b470d0a1a')
  expect(all.readUInt32BE(8)).toBe(1)
  const payloadAt = 16 + all.readUInt32BE(12)
  const manifest = JSON.parse(all.subarray(16, payloadAt).toString('utf8'))
  const salt = Buffer.from(manifest.encryption.salt, 'hex')
  const read = new Map<string, Buffer>()
  for (const [index, file] of manifest.files.entries()) {
    const number = Buffer.alloc(4)
    number.writeUInt32BE(index)
    const info = Buffer.concat([Buffer.from('wardstone/v1/file'), number])
    const key = Buffer.from(hkdfSync('sha256', contentKey, salt, info, 32))
    const parts: Buffer[] = []
    let at = payloadAt + file.offset
    let left: number = file.length
    for (let counter = 0n; counter < BigInt(file.chunks.length); counter++) {
      const size = Math.min(left, 1_048_576)
      const last = left <= 1_048_576
      const nonce = Buffer.from(counter.toString(16).padStart(22, '0') + (last ? '01' : '00'), 'hex')
      const decipher = createDecipheriv('aes-256-gcm', key, nonce)
      decipher.setAuthTag(all.subarray(at + size, at + size + 16))
      parts.push(decipher.update(all.subarray(at, at + size)), decipher.final())
      expect(hash(all.subarray(at, at + size + 16))).toBe(file.chunks[Number(counter)])
      at += size + 16
      left -= size
    }
    read.set(file.role, Buffer.concat(parts))
    expect(hash(read.get(file.role)!)).toBe(file.sha256)
  }
  return read
}

const lengths = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 7]
describe('files', () => {
  test.each(lengths)('of %d bytes come back, here and in a reader written from the specification', (length) => {
    const content = systemRandomness.bytes(length)
    const packed = pack({ card: 'before', model: content, licence: 'after' })
    const file = packed.manifest.files[1]!
    expect(file.chunks).toHaveLength(Math.max(1, Math.ceil(length / CHUNK_BYTES)))
    expect(decrypt(packed, 1).equals(content)).toBe(true)
    const independent = readIndependently(packed.bytes, packed.contentKey)
    expect(independent.get('model')!.equals(content)).toBe(true)
    expect(independent.get('licence')!.toString()).toBe('after')
  })

  test('of any content, number and order come back', () => {
    const roles: FileRole[] = ['golden-vectors', 'card', 'sbom', 'licence']
    const others = fc.uniqueArray(fc.tuple(fc.constantFrom(...roles), fc.uint8Array({ maxLength: 300 })), {
      selector: ([role]) => role,
    })
    const property = fc.property(others, fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 4 }), (list, model, at) => {
      const files = [...list]
      files.splice(at, 0, ['model' as 'card', model])
      const packed = pack(Object.fromEntries(files))
      for (const [index, [, content]] of files.entries()) expect(decrypt(packed, index).equals(content)).toBe(true)
      expect([...readIndependently(packed.bytes, packed.contentKey)].map(([role]) => role)).toEqual(
        files.map(([role]) => role),
      )
    })
    fc.assert(property, { numRuns: 60 })
  })
})

describe('keys', () => {
  test('no two packs share a content key or a salt, and nothing of the plaintext shows', () => {
    const [one, two] = [pack({ model: 'same weights' }), pack({ model: 'same weights' })]
    expect(Buffer.from(one.contentKey).equals(two.contentKey)).toBe(false)
    expect(one.manifest.encryption.salt).not.toBe(two.manifest.encryption.salt)
    expect(one.manifest.files[0]!.chunks).not.toEqual(two.manifest.files[0]!.chunks)
    expect(Buffer.from(one.bytes).includes('same weights')).toBe(false)
  })

  test('no two files share a key: one content gives two ciphertexts, and none opens at the place of another', () => {
    const packed = pack({ model: 'same', card: 'same' })
    const [model, card] = packed.manifest.files
    expect(model!.chunks).not.toEqual(card!.chunks)
    expect(() => decrypt(packed, 0, { index: 1 })).toThrow(expect.objectContaining({ code: 'package_decrypt_failed' }))
  })

  test('another content key or salt opens nothing', () => {
    const packed = pack({ model: 'weights' })
    const refused = expect.objectContaining({ code: 'package_decrypt_failed' })
    expect(() => decrypt(packed, 0, { contentKey: Buffer.alloc(32) })).toThrow(refused)
    expect(() => decrypt(packed, 0, { salt: Buffer.alloc(32) })).toThrow(refused)
  })
})

describe('a manifest that was signed but is not true', () => {
  const content = Buffer.alloc(2 * CHUNK_BYTES + 9, 'weights ')
  const packed = pack({ model: content })
  const file = packed.manifest.files[0]!
  const forged = (changes: Partial<typeof file>) => () => decrypt(packed, 0, { file: { ...file, ...changes } })

  test('about a chunk', () => {
    const chunks = [file.chunks[0]!, 'a'.repeat(64), file.chunks[2]!]
    expect(forged({ chunks })).toThrow(
      expect.objectContaining({ code: 'package_chunk_corrupt', about: 'model, chunk 1' }),
    )
  })

  test('about the plaintext', () => {
    expect(forged({ sha256: 'a'.repeat(64) })).toThrow(expect.objectContaining({ code: 'package_plaintext_mismatch' }))
  })

  test('about the number of chunks', () => {
    expect(forged({ chunks: file.chunks.slice(1) })).toThrow(
      expect.objectContaining({ code: 'package_layout_invalid' }),
    )
  })

  test('about the end: cut at a chunk, the last one is not marked last', () => {
    const cut = {
      length: 2 * CHUNK_BYTES,
      chunks: file.chunks.slice(0, 2),
      sha256: hash(content.subarray(0, 2 * CHUNK_BYTES)),
    }
    expect(forged(cut)).toThrow(expect.objectContaining({ code: 'package_decrypt_failed', about: 'model, chunk 1' }))
  })

  test('about the order: the counter is part of the nonce', () => {
    const chunk = CHUNK_BYTES + 16
    const { payloadOffset } = readContainer((at, length) => packed.bytes.subarray(at, at + length), packed.bytes.length)
    const bytes = Buffer.from(packed.bytes)
    Buffer.from(packed.bytes).copy(bytes, payloadOffset, payloadOffset + chunk, payloadOffset + 2 * chunk)
    Buffer.from(packed.bytes).copy(bytes, payloadOffset + chunk, payloadOffset, payloadOffset + chunk)
    const [first, second, third] = file.chunks
    const swapped = { ...file, chunks: [second!, first!, third!] }
    const read = () => decrypt({ ...packed, bytes }, 0, { file: swapped })
    expect(read).toThrow(expect.objectContaining({ code: 'package_decrypt_failed', about: 'model, chunk 0' }))
  })
})

test('a file of n bytes has at least one chunk and never an empty one after a full one', () => {
  expect(lengths.map(chunkCount)).toEqual([1, 1, 1, 1, 2, 2, 3])
})

describe('what the isolated worker imports with this', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const importLine = /^(?:import|export)\s+(?!type\b)[^;]*?from '([^']+)'/gm

  function imports(path: string, seen: Set<string>): Set<string> {
    if (seen.has(path)) return seen
    seen.add(path)
    for (const [, target = ''] of readFileSync(path, 'utf8').matchAll(importLine))
      if (target.startsWith('.')) imports(resolve(dirname(path), target), seen)
      else seen.add(target)
    return seen
  }

  test('is hashing, AES-GCM and reading, nothing else', () => {
    const graph = [...imports(join(root, 'models/package/container.ts'), new Set())].map((name) =>
      name.replace(root, ''),
    )
    expect(graph.sort()).toEqual([
      'device/crypto/bulk.ts',
      'device/crypto/errors.ts',
      'device/platform/errors.ts',
      'models/package/container.ts',
      'models/package/errors.ts',
      'models/package/regular-file.ts',
      'node:crypto',
      'node:fs',
    ])
  })
})

test('packing, opening and decrypting write nothing anywhere', () => {
  const site = mkdtempSync(join(tmpdir(), 'wardstone-nothing-written-'))
  const script = fileURLToPath(new URL('./testkit/pack-and-open.ts', import.meta.url))
  const environment = { HOME: site, TMPDIR: site }
  try {
    const child = spawnSync(process.execPath, [script], { cwd: site, env: environment, encoding: 'utf8' })
    expect(child.stderr).toBe('')
    const report = JSON.parse(child.stdout) as {
      plaintextBytes: number
      writtenByPacking: number
      writtenByOpening: number
    }
    expect(report.plaintextBytes).toBeGreaterThan(3 * CHUNK_BYTES)
    // What is left is the event loop waking itself: eight bytes at a time.
    expect(report.writtenByPacking).toBeLessThan(16_384)
    expect(report.writtenByOpening).toBeLessThan(16_384)
    expect(readdirSync(site)).toEqual([])
  } finally {
    rmSync(site, { recursive: true })
  }
})
