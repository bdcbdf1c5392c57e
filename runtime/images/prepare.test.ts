import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../device/platform/clock.ts'
import { silentLog } from '../../device/platform/log.ts'
import { Phi } from '../../device/platform/phi.ts'
import type { ImageOp } from '../../models/contract/image/image-schema.ts'
import { processTree, survivors } from '../inference/testkit/process-tree.ts'
import { concurrentFor, createImageDecoder, type ImageDecoderOptions } from './image-decoder.ts'
import { greyImage, wordBytes, writeDicom } from './testkit/dicom-writer.ts'
import { writeNifti } from './testkit/nifti-writer.ts'

const soon = (ms = 20_000): number => systemClock.monotonicMs() + ms
const make = (options: Partial<ImageDecoderOptions> = {}) =>
  createImageDecoder({ isolation: 'required', clock: systemClock, log: silentLog, ...options })
const decoder = make()
afterAll(() => decoder.stop())

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const values: ImageOp = { op: 'image-values', version: 1, frames: 'all', to: 'a' }
const tensor: ImageOp = { op: 'image-tensor', version: 1, from: 'a', tensor: 'x', layout: 'NCDHW', dtype: 'float32' }
const plan: readonly ImageOp[] = [values, tensor]
const single: readonly ImageOp[] = [
  { ...values, frames: 'only' },
  { ...tensor, layout: 'NCHW' },
]
const scaled: readonly ImageOp[] = [
  values,
  { op: 'image-unit-range', version: 1, from: 'a', to: 'b' },
  { ...tensor, from: 'b', tensor: 'y' },
]

const image = writeDicom({ elements: { ...greyImage(2, 2), PatientID: 'P1', PixelData: wordBytes([1, 2, 3, 4]) } })
const slice = (at: number, value: number): Buffer =>
  writeDicom({
    elements: {
      ...greyImage(1, 2),
      PatientID: 'P1',
      SeriesInstanceUID: '1.2.3',
      PixelSpacing: '1\\1',
      ImageOrientationPatient: '1\\0\\0\\0\\1\\0',
      ImagePositionPatient: `0\\0\\${at}`,
      PixelData: wordBytes([value, value]),
    },
  })

function floats(value: number): Buffer {
  return writeNifti({ dim: [1, 1, 1], datatype: 16, voxels: new Uint8Array(Float32Array.of(value).buffer) })
}

/** An input that begins and does not go on. */
async function* stalled(): AsyncGenerator<Uint8Array> {
  yield image.subarray(0, 100)
  await new Promise<never>(() => {})
}

const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'prepared',
    (error: { code?: string }) => error.code ?? String(error),
  )

describe('an image is received', () => {
  it('as facts, identity, what each plan makes of it, and the hashes of the files, and no pixels', async () => {
    const received = await decoder.prepare(image, [plan, scaled, single, plan], {}, soon())
    expect(Object.keys(received).sort()).toEqual(['facts', 'files', 'identity', 'prepared'])
    expect(received.facts).toMatchObject({ format: 'dicom', rows: 2, columns: 2, attributes: { modality: 'CR' } })
    expect(received.facts).not.toHaveProperty('pixels')
    expect(Phi.reveal(received.identity)).toMatchObject({ patientId: 'P1' })
    expect(received.files).toEqual([{ sha256: sha256(image), bytes: image.length }])
    const whole = { dtype: 'float32', dims: [1, 1, 1, 2, 2], data: Float32Array.of(1, 2, 3, 4) }
    const shares = Float32Array.of(1 / 65_535, 2 / 65_535, 3 / 65_535, 4 / 65_535)
    expect(received.prepared).toEqual([
      { tensors: { x: whole } },
      { tensors: { y: { ...whole, data: shares } } },
      { tensors: { x: { ...whole, dims: [1, 1, 2, 2] } } },
      { tensors: { x: whole } },
    ])
  })

  it('without a plan, for its facts alone', async () => {
    expect(await decoder.prepare(image, [], {}, soon())).toMatchObject({ facts: { rows: 2 }, prepared: [] })
  })

  it('as a series, its files in the order in which they came', async () => {
    const files = [slice(10, 2), slice(0, 1), slice(20, 3)]
    const received = await decoder.prepare(files, [plan], {}, soon())
    expect(received.files).toEqual(files.map((file) => ({ sha256: sha256(file), bytes: file.length })))
    expect(received.facts.frameFacts.map(({ file }) => file)).toEqual([1, 0, 2])
    expect(received.prepared).toMatchObject([
      { tensors: { x: { dims: [1, 1, 3, 1, 2], data: Float32Array.of(1, 1, 2, 2, 3, 3) } } },
    ])
  })

  it('and one plan that cannot be applied says so beside the others', async () => {
    const two = writeNifti({ dim: [2, 1, 2], datatype: 2, voxels: Uint8Array.of(1, 2, 3, 4) })
    const { prepared } = await decoder.prepare(two, [single, plan], {}, soon())
    expect(prepared).toMatchObject([
      { refused: 'image_frames_unexpected', about: 'image-values' },
      { tensors: { x: { data: Float32Array.of(1, 2, 3, 4) } } },
    ])
  })

  it.each<[string, Buffer, readonly ImageOp[], object]>([
    ['voxels that are no numbers', floats(Number.NaN), plan, { refused: 'image_not_finite', about: 'image-values' }],
    ['voxels without an end', floats(Number.NEGATIVE_INFINITY), plan, { refused: 'image_not_finite' }],
    [
      'a scale that leaves all numbers',
      writeNifti({ version: 2, dim: [2, 1, 1], datatype: 2, voxels: Uint8Array.of(9, 9), slope: 1e308 }),
      [values, { op: 'image-rescale', version: 1, from: 'a', to: 'b' }, { ...tensor, from: 'b' }],
      { refused: 'image_not_finite' },
    ],
    [
      'voxels as long as a street',
      writeNifti({ dim: [100, 100, 100], datatype: 2, voxels: Buffer.alloc(1e6), pixdim: [9e4, 9e4, 9e4] }),
      [values, { op: 'image-resample', version: 1, from: 'a', to: 'b', spacingMm: [1, 1, 1], filter: 'linear' }],
      { refused: 'image_raster_too_large' },
    ],
  ])('and a step refuses what it cannot count with: %s', async (_name, file, steps, refused) => {
    expect((await decoder.prepare(file, [steps], {}, soon())).prepared).toMatchObject([refused])
  })

  it.each([
    ['tensors larger than the limit', plan, { maxTensorBytes: 15 }, 'image_too_large'],
    ['more steps than an order has room for', new Array<ImageOp>(20_000).fill(values), {}, 'image_too_complex'],
  ])('is refused for %s', async (_name, steps, limits, code) => {
    await expect(decoder.prepare(image, [steps], limits, soon())).rejects.toMatchObject({ code })
  })

  it('is refused for more plans than one model and its gates', async () => {
    const plans = new Array<typeof plan>(17).fill(plan)
    await expect(decoder.prepare(image, plans, {}, soon())).rejects.toMatchObject({ code: 'image_too_complex' })
  })

  it('and refused for what it is, however much of it is still to come', async () => {
    let told = 0
    const rest = Buffer.alloc(256 * 1024)
    async function* many(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.alloc(1000, 0x41)
        for (let count = 0; count < 400; count += 1) yield rest
      } finally {
        told += 1
      }
    }
    const codes: string[] = []
    for (let run = 0; run < 8; run += 1) codes.push(await codeOf(decoder.prepare(many(), [plan], {}, soon())))
    expect(codes).toEqual(new Array(8).fill('image_not_recognised'))
    expect(told).toBe(8)
  })
})

describe('a sender holds a decoder no longer than it sends', () => {
  const pace = { idleMs: 300, graceMs: 300, bytesPerSecond: 1_000_000 }

  it('when it stops', async () => {
    const slow = make({ pace, maxConcurrent: 1 })
    expect(await codeOf(slow.prepare([stalled()], [plan], {}, soon(), 'a'))).toBe('image_input_failed')
    expect(slow.status()).toMatchObject({ running: 0, waiting: 0 })
    expect(await codeOf(slow.prepare(image, [plan], {}, soon(), 'b'))).toBe('prepared')
    await slow.stop()
  })

  it('when it goes away', async () => {
    async function* leaving(): AsyncGenerator<Uint8Array> {
      yield image.subarray(0, 100)
      await sleep(20)
      throw new RangeError('Mustermann')
    }
    const small = make({ maxConcurrent: 1, maxWaiting: 0 })
    for (let run = 0; run < 5; run += 1) {
      expect(await codeOf(small.prepare([leaving()], [plan], {}, soon(), 'a'))).toBe('image_input_failed')
    }
    expect(await codeOf(small.prepare(image, [plan], {}, soon(), 'a'))).toBe('prepared')
    await small.stop()
  })

  it('and no client keeps another out: not with decoders, not with waiting places', async () => {
    const shared = make({ maxConcurrent: 2, maxWaiting: 4, pace: { ...pace, idleMs: 20_000, graceMs: 20_000 } })
    const greedy = Array.from({ length: 10 }, () => codeOf(shared.prepare([stalled()], [plan], {}, soon(8000), 'a')))
    await sleep(50)
    expect(shared.status()).toMatchObject({ running: 1, waiting: 2, maxConcurrent: 2 })
    expect(await codeOf(shared.prepare(image, [plan], {}, soon(), 'b'))).toBe('prepared')
    await shared.stop()
    const codes = await Promise.all(greedy)
    expect(codes.filter((code) => code === 'image_decoder_overloaded')).toHaveLength(7)
    expect(codes.filter((code) => code === 'image_decoder_unavailable')).toHaveLength(3)
  })
})

describe('under load', () => {
  it('fifty at once are each answered, and nothing is left', async () => {
    const busy = make({ maxConcurrent: 2, maxWaiting: 100 })
    const bad = Buffer.alloc(1000, 0x41)
    const codes = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        codeOf(busy.prepare(index % 5 === 4 ? bad : image, [plan], {}, soon(60_000), `client ${index % 5}`)),
      ),
    )
    expect(codes.filter((code) => code === 'prepared')).toHaveLength(40)
    expect(codes.filter((code) => code === 'image_not_recognised')).toHaveLength(10)
    expect(busy.status()).toMatchObject({ running: 0, waiting: 0 })
    const children = processTree(process.pid).slice(1)
    await busy.stop()
    expect(children.length).toBeGreaterThan(0)
  }, 90_000)

  it('a stop ends all of it at once, and leaves no process', async () => {
    const before = new Set(processTree(process.pid))
    const busy = make({ maxConcurrent: 2, maxWaiting: 100 })
    const asked = Array.from({ length: 20 }, (_, index) =>
      codeOf(busy.prepare(index % 2 === 0 ? [stalled()] : image, [plan], {}, soon(), `client ${index % 3}`)),
    )
    await sleep(200)
    const started = performance.now()
    await busy.stop()
    const codes = await Promise.all(asked)
    expect(performance.now() - started).toBeLessThan(3000)
    expect(new Set(codes).size).toBeLessThan(3)
    expect(codes).toContain('image_decoder_unavailable')
    expect(await survivors(processTree(process.pid).filter((pid) => !before.has(pid)))).toEqual([])
    expect(await codeOf(busy.prepare(image, [plan], {}, soon()))).toBe('image_decoder_unavailable')
  })

  it.each([
    [64, 2],
    [24, 2],
    [16, 1],
    [4, 1],
  ])('a machine of %s GiB has %s at work', (gibibytes, expected) => {
    expect(concurrentFor(2 ** 31, gibibytes * 2 ** 30)).toBe(expected)
  })
})
