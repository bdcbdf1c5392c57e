import { afterAll, beforeAll, expect, test } from 'vitest'
import { canonicalJson } from '../../device/platform/canonical-json.ts'
import { encodeHeader, readContainer } from './header.ts'
import type { Manifest } from './manifest.ts'
import { packModel } from './pack.ts'
import { createPackageSite, install, open, type PackageSite, releaseForged } from './testkit/package-site.ts'
import { sampleDraft } from './testkit/sample-draft.ts'

/** Packages by a vendor who means harm: both keepers signed them, so only their content can refuse them. */
let site: PackageSite
beforeAll(async () => {
  site = await createPackageSite()
})
afterAll(() => site.remove())

const packed = packModel(sampleDraft({ model: 'weights', card: 'A card.' }), {
  bytes: (count) => Buffer.alloc(count, 1),
})
const container = readContainer((at, length) => packed.bytes.subarray(at, at + length), packed.bytes.length)
const payload = packed.bytes.subarray(container.payloadOffset)

type Change = (manifest: Manifest) => unknown
const files =
  (...changes: Partial<Manifest['files'][number]>[]): Change =>
  (manifest) => ({ ...manifest, files: manifest.files.map((file, index) => ({ ...file, ...changes[index] })) })

async function refusal(manifest: string | Uint8Array, body: Uint8Array = payload): Promise<unknown> {
  install(site, await releaseForged(site, manifest, body))
  return open(site).then(
    () => 'accepted',
    (error) => error,
  )
}

test('the unchanged manifest gets as far as the key, which is not its own', async () => {
  install(site, await releaseForged(site, canonicalJson(packed.manifest), payload))
  const opened = await open(site)
  expect(() => opened.readFile('model')).toThrow(expect.objectContaining({ code: 'package_decrypt_failed' }))
  opened.close()
})

const chunk = packed.manifest.files[0]!.chunks[0]!
test.each<[string, Change, string, string?]>([
  ['overlapping files', files({}, { offset: 0 }), 'package_layout_invalid', 'offset of card'],
  ['a gap between files', files({}, { offset: 24 }), 'package_layout_invalid', 'offset of card'],
  ['a first file that does not start at zero', files({ offset: 1 }), 'package_layout_invalid', 'offset of model'],
  ['a file beyond the payload', files({}, { length: 8 }), 'package_layout_invalid', 'length of card'],
  ['a file short of the end', files({}, { length: 6 }), 'package_layout_invalid', 'bytes after the last file'],
  ['a length of 2^53', files({ length: 2 ** 53 }), 'package_manifest_invalid'],
  ['a length of 2^53 − 1', files({ length: 2 ** 53 - 1 }), 'package_layout_invalid', 'chunks of model'],
  ['a length below zero', files({ length: -1 }), 'package_manifest_invalid'],
  ['a length that is no integer', files({ length: 0.5 }), 'package_manifest_invalid'],
  ['one chunk too many', files({ chunks: [chunk, chunk] }), 'package_layout_invalid', 'chunks of model'],
  ['no chunks', files({ chunks: [] }), 'package_manifest_invalid'],
  ['a role twice', files({}, { role: 'model' }), 'package_layout_invalid', 'model occurs twice'],
  ['no model', files({ role: 'licence' }), 'package_file_missing', 'model'],
  ['an unknown role', files({ role: '../model' as 'model' }), 'package_manifest_invalid'],
  ['no files', (manifest) => ({ ...manifest, files: [] }), 'package_manifest_invalid'],
  ['an unknown member', (manifest) => ({ ...manifest, script: 'x' }), 'package_manifest_invalid'],
  ['another schema version', (manifest) => ({ ...manifest, schemaVersion: 2 }), 'package_manifest_invalid'],
  ['a missing member', ({ licence: _, ...rest }) => rest, 'package_manifest_invalid'],
  ['a list', (manifest) => [manifest], 'package_manifest_invalid'],
])('%s', async (_, change, code, about) => {
  const error = await refusal(canonicalJson(change(packed.manifest)))
  expect(error).toMatchObject(about === undefined ? { code } : { code, about })
})

const canonical = canonicalJson(packed.manifest)
test.each([
  ['white space', ` ${canonical}`],
  ['a line end', `${canonical}\n`],
  ['a name twice', canonical.replace('{', '{"licence":"MIT",')],
  ['a number in another form', canonical.replace('"deadlineMs":1000', '"deadlineMs":1e3')],
  ['an escape that is not needed', canonical.replace('"Sample"', '"\\u0053ample"')],
  ['a byte order mark', `\ufeff${canonical}`],
  ['invalid UTF-8', Buffer.concat([Buffer.from(canonical.slice(0, -1)), Buffer.from([0xff])])],
  ['nesting without end', '['.repeat(100_000)],
  ['nothing', ''],
])('a manifest with %s is not canonical', async (_, manifest) => {
  expect(manifest).not.toEqual(canonical)
  expect(await refusal(manifest)).toMatchObject({ code: 'package_manifest_invalid' })
})

test('a prototype cannot be set through the manifest', async () => {
  const manifest = canonical.replace(/^\{/, '{"__proto__":{},')
  expect(canonicalJson(JSON.parse(manifest))).toBe(manifest)
  expect(await refusal(manifest)).toMatchObject({ code: 'package_manifest_invalid' })
})

test.each([
  ['beyond the limit', 4 * 1024 * 1024 + 1, 1024 ** 4],
  ['as large as can be written', 2 ** 32 - 1, 1024 ** 4],
  ['beyond the file', 100_000, 5000],
])('a manifest length %s is refused before anything is read for it', (_, length, sizeBytes) => {
  const header = encodeHeader(length)
  const asked: number[] = []
  const read = (position: number, count: number) => {
    asked.push(count)
    return header.subarray(position, position + count)
  }
  expect(() => readContainer(read, sizeBytes)).toThrow(expect.objectContaining({ code: 'package_header_corrupt' }))
  expect(asked).toEqual([16])
})

test('a packer cannot write what a reader would refuse', () => {
  const pack = (draft: Parameters<typeof packModel>[0]) => () =>
    packModel(draft, { bytes: (count) => Buffer.alloc(count, 1) })
  const code = (name: string) => expect.objectContaining({ code: name })
  const twice = { ...sampleDraft(), files: [...sampleDraft().files, ...sampleDraft().files] }
  expect(pack(twice)).toThrow(code('package_layout_invalid'))
  expect(pack(sampleDraft({ card: 'no model' }))).toThrow(code('package_file_missing'))
  expect(pack(sampleDraft({}))).toThrow(code('package_manifest_invalid'))
  expect(pack(sampleDraft({ model: 'w' }, { modelId: 'No Id' }))).toThrow(code('package_manifest_invalid'))
  expect(pack(sampleDraft({ model: 'w' }, { memoryBytes: Number.NaN }))).toThrow(code('package_manifest_invalid'))
  const long = Array.from({ length: 600 }, () => 'x'.repeat(8000))
  expect(pack(sampleDraft({ model: 'w' }, { wards: long }))).toThrow(code('package_manifest_invalid'))
})
