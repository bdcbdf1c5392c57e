import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../device/platform/clock.ts'
import type { ImageOp } from '../../models/contract/image/image-schema.ts'
import { survivors } from '../inference/testkit/process-tree.ts'
import { DecoderProcess } from './decoder-process.ts'
import type { ImageInput } from './image-input.ts'
import { InputReader } from './input-reader.ts'
import { defaultImageLimits, defaultInputPace } from './limits.ts'
import { MAX_HEADER_BYTES, type Order } from './protocol.ts'
import { greyImage, writeDicom } from './testkit/dicom-writer.ts'

const rogue = fileURLToPath(new URL('./testkit/rogue-decoder.ts', import.meta.url))
const image = writeDicom({ elements: { ...greyImage(4, 4), PixelData: Buffer.alloc(32) } })
const plan: readonly ImageOp[] = [
  { op: 'image-values', version: 1, frames: 'only', to: 'raster' },
  { op: 'image-tensor', version: 1, from: 'raster', tensor: 'x', layout: 'NCHW', dtype: 'float32' },
]
const limits = { ...defaultImageLimits, maxFrames: 8, maxTensorBytes: 1024 }
const prepare: Order = { kind: 'prepare', limits, plans: [plan] }
const decode: Order = { kind: 'decode', limits, form: 'values' }

const attributes = { patientOrientation: [], imageType: [] }
const frameFact = { rescaleSlope: 1, rescaleIntercept: 0, windows: [], file: 0, frame: 0 }
const facts = {
  format: 'dicom',
  frames: 1,
  rows: 4,
  columns: 4,
  samplesPerPixel: 1,
  bitsAllocated: 16,
  bitsStored: 16,
  isSigned: false,
  isFloat: false,
  photometric: 'MONOCHROME2',
  frameFacts: [frameFact],
  voiFunction: 'LINEAR',
  attributes,
}
const tensor = { name: 'x', dtype: 'float32', dims: [1, 1, 4, 4] }
const identity = { isPatientUnreadable: false, sopInstanceUids: [] }
const header = { kind: 'prepared', facts, identity, prepared: [{ tensors: [tensor] }] }

function answer(said: object | string, data: Uint8Array = Buffer.alloc(64)): string {
  const text = Buffer.from(typeof said === 'string' ? said : JSON.stringify(said))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length, 0)
  return Buffer.concat([length, text, data]).toString('base64')
}

async function ask(order: Order, input: ImageInput, ms: number, ...args: string[]) {
  const child = new DecoderProcess({ file: process.execPath, args: [rogue, ...args], env: {} }, systemClock)
  const reader = new InputReader(input, order.limits, defaultInputPace, systemClock)
  try {
    return await child.answer(order, reader, systemClock.monotonicMs() + ms)
  } finally {
    await child.stop()
    expect(await survivors([child.pid ?? 0])).toEqual([])
  }
}

const withFacts = (other: object): object => ({ ...header, facts: { ...facts, ...other } })
const withTensors = (...tensors: object[]): object => ({ ...header, prepared: [{ tensors }] })
const failed = (code: string, about?: string): object => ({ kind: 'failed', code, about })

describe('a process in the hands of a hostile file', () => {
  it.each([
    ['hang', 'image_deadline'],
    ['crash', 'image_decoder_lost'],
    ['memory', 'image_decoder_out_of_memory'],
    ['huge-header', 'image_decoder_lost'],
  ])('that does this: %s', async (mode, code) => {
    await expect(ask(prepare, image, 2000, mode)).rejects.toMatchObject({ code })
  })

  it('is believed where its answer is one', async () => {
    const data = Buffer.from(Float32Array.from({ length: 16 }, (_, index) => index / 2).buffer)
    const found = await ask(prepare, image, 5000, 'answer', answer(header, data))
    expect(found).toMatchObject({ kind: 'prepared', header: { facts: { rows: 4 } } })
    const tensors = found.kind === 'prepared' ? found.prepared : []
    expect(tensors).toEqual([{ tensors: { x: { ...tensor, name: undefined, data: new Float32Array(data.buffer) } } }])
  })

  it.each<[string, object | string, Buffer?]>([
    ['half a header', '{"kind":"prepared"'],
    ['another kind of answer', { ...header, kind: 'decoded', luts: {}, sections: [] }],
    ['a text of its own in a failure', failed('image_malformed', 'Mustermann')],
    ['a code that is none', failed('mustermann')],
    ['a code that only we may say', failed('image_decoder_overloaded')],
    ['more than was asked for', { ...header, patientName: 'Mustermann' }],
    ['no answer for the plan', { ...header, prepared: [] }],
    ['an answer for a plan that is none', { ...header, prepared: [...header.prepared, ...header.prepared] }],
    ['a tensor of another name', withTensors({ ...tensor, name: 'y' })],
    ['a tensor more', withTensors(tensor, { ...tensor, name: 'y' }), Buffer.alloc(128)],
    ['a tensor twice', withTensors(tensor, tensor), Buffer.alloc(128)],
    ['a name that is everywhere', withTensors({ ...tensor, name: '__proto__' })],
    ['a tensor of another type', withTensors({ ...tensor, dtype: 'uint8' }), Buffer.alloc(16)],
    ['a type that is none', withTensors({ ...tensor, dtype: 'constructor' })],
    ['too few dimensions', withTensors({ ...tensor, dims: [4, 4] })],
    ['a batch of two', withTensors({ ...tensor, dims: [2, 1, 2, 4] })],
    ['no elements', withTensors({ ...tensor, dims: [1, 0, 4, 4] }), Buffer.alloc(0)],
    ['half an element', withTensors({ ...tensor, dims: [1, 0.5, 4, 4] }), Buffer.alloc(32)],
    ['fewer elements than bytes', withTensors({ ...tensor, dims: [1, 1, 4, 3] })],
    ['more than may be', withTensors({ ...tensor, dims: [1, 1, 4, 65] })],
    ['more than can be', withTensors({ ...tensor, dims: [1, 2 ** 31, 2 ** 31, 2 ** 31] })],
    ['bytes behind its end', header, Buffer.alloc(65)],
    ['a refusal in words of its own', { ...header, prepared: [{ refused: 'image_not_finite', about: 'Mustermann' }] }],
    [
      'a refusal that no step makes',
      { ...header, prepared: [{ refused: 'population_excluded', about: 'image-values' }] },
    ],
    [
      'a refusal and tensors',
      { ...header, prepared: [{ refused: 'image_not_finite', about: 'image-values', tensors: [] }] },
    ],
    ['facts that are no numbers', withFacts({ rows: null })],
    ['more frames than it speaks of', withFacts({ frames: 2 })],
    ['more frames than may be', withFacts({ frames: 9, frameFacts: new Array(9).fill(frameFact) })],
    ['a frame larger than may be', withFacts({ rows: 2 ** 16, columns: 2 ** 16 })],
    ['a slope that is none', withFacts({ frameFacts: [{ ...frameFact, rescaleSlope: null }] })],
    ['a file that never came', withFacts({ frameFacts: [{ ...frameFact, file: 4000 }] })],
    ['text where a code belongs', withFacts({ attributes: { ...attributes, modality: 'Mustermann' } })],
    ['an age that is none', withFacts({ attributes: { ...attributes, patientAgeYears: -1 } })],
    ['half a character in an identifier', JSON.stringify(header).replace('"sop', '"patientId":"\\ud800","sop')],
    ['an identifier that steers a terminal', { ...header, identity: { ...identity, patientId: 'P\u202e1' } }],
    ['an identifier in spaces', { ...header, identity: { ...identity, patientId: ' P1' } }],
  ])('that says %s, is not believed', async (_name, said, data) => {
    const refusal = ask(prepare, image, 5000, 'answer', answer(said, data ?? Buffer.alloc(64)))
    await expect(refusal).rejects.toMatchObject({ code: 'image_decoder_lost', about: undefined })
    await expect(refusal).rejects.not.toThrow(/mustermann/i)
  })

  it('that gives tensors where pixels were asked for', async () => {
    await expect(ask(decode, image, 5000, 'answer', answer(header))).rejects.toMatchObject({
      code: 'image_decoder_lost',
    })
  })

  it('that answers before it has all of the image', async () => {
    async function* slow() {
      yield image.subarray(0, 100)
      await new Promise((resolve) => setTimeout(resolve, 1500))
      yield image.subarray(100)
    }
    await expect(ask(prepare, [slow()], 5000, 'early', answer(header))).rejects.toMatchObject({
      code: 'image_decoder_lost',
    })
  })

  it('that answers a byte at a time is not waited for', async () => {
    const started = performance.now()
    await expect(ask(prepare, image, 1500, 'drip', answer(header))).rejects.toMatchObject({ code: 'image_deadline' })
    expect(performance.now() - started).toBeLessThan(4000)
  })

  it.each([
    ['[', MAX_HEADER_BYTES],
    ['{"a":', MAX_HEADER_BYTES / 5],
    ['{"kind":"prepared","facts":[[],[],[]]},', MAX_HEADER_BYTES / 39],
    ['"k":1,', MAX_HEADER_BYTES / 6],
  ])('that sends a header of nothing but %s: it is counted, and not taken apart', async (text, count) => {
    const parse = vi.spyOn(JSON, 'parse')
    const refusal = ask(prepare, image, 20_000, 'repeat', text, String(Math.floor(count)))
    await expect(refusal).rejects.toMatchObject({ code: 'image_decoder_lost' })
    expect(parse).not.toHaveBeenCalled()
    parse.mockRestore()
  })
})
