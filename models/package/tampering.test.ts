import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHUNK_BYTES } from './container.ts'
import { readContainer } from './header.ts'
import {
  createPackageSite,
  install,
  open,
  outcome,
  type PackageSite,
  type Release,
  release,
} from './testkit/package-site.ts'
import { sampleDraft } from './testkit/sample-draft.ts'

const TAG_BYTES = 16
let site: PackageSite
let good: Release
beforeAll(async () => {
  site = await createPackageSite()
  good = await release(site, sampleDraft({ model: 'w', card: 'A card.', licence: '' }))
})
afterAll(() => site.remove())

/** The file with one byte changed. */
function flipped(bytes: Uint8Array, position: number, mask: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[position] = copy[position]! ^ mask
  return copy
}

function payloadOffset(bytes: Uint8Array): number {
  return readContainer((at, length) => bytes.subarray(at, at + length), bytes.length).payloadOffset
}

describe('each byte in turn', () => {
  test('of the package: refused, by the name of the part it lies in', async () => {
    install(site, good)
    const payload = payloadOffset(good.package)
    for (let position = 0; position < good.package.length; position++) {
      install(site, { package: flipped(good.package, position, 1 << (position % 8)) })
      const code = await outcome(site)
      if (position < 8) expect(code).toBe('package_magic_wrong')
      else if (position < 12) expect(code).toBe('package_version_unsupported')
      else if (position < 16) expect(code).toMatch(/^package_(header|manifest)_corrupt$/)
      else if (position < payload) expect(code).toBe('package_manifest_corrupt')
      else expect(code).toBe('package_chunk_corrupt')
    }
  }, 120_000)

  test.each(['image', 'grant'] as const)(
    'of the %s, each bit: refused',
    async (part) => {
      install(site, good)
      const codes = new Set<string>()
      for (let bit = 0; bit < good[part].length * 8; bit++) {
        install(site, { [part]: flipped(good[part], bit >> 3, 1 << (bit & 7)) })
        codes.add(await outcome(site))
      }
      expect([...codes].sort()).toEqual(['package_metadata_malformed', 'package_signature_invalid'])
    },
    120_000,
  )
})

describe('each length in turn', () => {
  test('of the package: truncated', async () => {
    install(site, good)
    for (let length = 0; length < good.package.length; length++) {
      install(site, { package: good.package.subarray(0, length) })
      expect(await outcome(site)).toBe('package_truncated')
    }
  }, 120_000)

  test.each(['image', 'grant'] as const)('of the %s: malformed', async (part) => {
    install(site, good)
    for (let length = 0; length < good[part].length; length++) {
      install(site, { [part]: good[part].subarray(0, length) })
      expect(await outcome(site)).toBe('package_metadata_malformed')
    }
  })

  test('bytes after the end: refused', async () => {
    for (const extra of [1, 16, 4096]) {
      install(site, { ...good, package: Buffer.concat([good.package, Buffer.alloc(extra)]) })
      expect(await outcome(site)).toBe('package_oversized')
      install(site, { ...good, image: Buffer.concat([good.image, Buffer.from('\n')]) })
      expect(await outcome(site)).toBe('package_metadata_malformed')
    }
  })
})

describe('chunks that were moved', () => {
  const weights = Buffer.alloc(3 * CHUNK_BYTES + 5, 'model weights, never twice the same block')
  let large: Release
  let start: number
  beforeAll(async () => {
    large = await release(site, sampleDraft({ model: weights, card: 'A card.', licence: 'A text' }))
    start = payloadOffset(large.package)
  })

  const swapped = (first: number, second: number, length: number): Buffer => {
    const copy = Buffer.from(large.package)
    const kept = Buffer.from(copy.subarray(first, first + length))
    copy.copyWithin(first, second, second + length)
    kept.copy(copy, second)
    return copy
  }

  test('a file of several chunks opens', async () => {
    install(site, large)
    const opened = await open(site)
    expect(opened.readFile('model').equals(weights)).toBe(true)
    opened.close()
  })

  test('two chunks swapped, or one in place of another, is named as a change of order', async () => {
    const chunk = CHUNK_BYTES + TAG_BYTES
    install(site, { ...large, package: swapped(start, start + 2 * chunk, chunk) })
    await expect(open(site)).rejects.toMatchObject({ code: 'package_chunk_reordered', about: 'model, chunk 0' })
    const doubled = Buffer.from(large.package)
    doubled.copyWithin(start + chunk, start, start + chunk)
    install(site, { package: doubled })
    await expect(open(site)).rejects.toMatchObject({ code: 'package_chunk_reordered', about: 'model, chunk 1' })
  })

  test('a chunk both moved and another changed is named as a change', async () => {
    const chunk = CHUNK_BYTES + TAG_BYTES
    const both = flipped(swapped(start, start + chunk, chunk), start + 2 * chunk, 1)
    install(site, { ...large, package: both })
    await expect(open(site)).rejects.toMatchObject({ code: 'package_chunk_corrupt', about: 'model, chunk 2' })
  })

  test('the same chunk of another package is a change', async () => {
    const other = await release(site, sampleDraft({ model: weights, card: 'A card.', licence: 'A text' }))
    expect(other.package.length).toBe(large.package.length)
    const mixed = Buffer.from(large.package)
    Buffer.from(other.package).copy(mixed, start, start, start + CHUNK_BYTES + TAG_BYTES)
    install(site, { ...large, package: mixed })
    await expect(open(site)).rejects.toMatchObject({ code: 'package_chunk_corrupt', about: 'model, chunk 0' })
  })
})

test('two files of one length swapped is a change of order', async () => {
  const made = await release(site, sampleDraft({ model: 'four', card: 'five', licence: '' }))
  const start = payloadOffset(made.package)
  const [before, model, card, after] = [
    made.package.subarray(0, start),
    made.package.subarray(start, start + 20),
    made.package.subarray(start + 20, start + 40),
    made.package.subarray(start + 40),
  ]
  install(site, { ...made, package: Buffer.concat([before, card, model, after]) })
  await expect(open(site)).rejects.toMatchObject({ code: 'package_chunk_reordered', about: 'model, chunk 0' })
})

test('the payload of another package of the same shape is a change; its whole file too', async () => {
  const other = await release(site, sampleDraft({ model: 'v', card: 'A cars.', licence: '' }))
  const start = payloadOffset(good.package)
  const mixed = Buffer.concat([good.package.subarray(0, start), other.package.subarray(start)])
  install(site, { ...good, package: mixed })
  expect(await outcome(site)).toBe('package_chunk_corrupt')
  install(site, { ...good, package: other.package })
  expect(await outcome(site)).toBe('package_manifest_corrupt')
})
