import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../device/platform/clock.ts'
import { silentLog } from '../../device/platform/log.ts'
import { Phi } from '../../device/platform/phi.ts'
import { createImageDecoder } from './image-decoder.ts'
import { greyImage, testPixels, wordBytes, writeDicom } from './testkit/dicom-writer.ts'
import { makeSamples } from './testkit/samples.ts'

const decoder = createImageDecoder({ isolation: 'required', clock: systemClock, log: silentLog })
const soon = (ms = 20_000): number => systemClock.monotonicMs() + ms
const pixels = testPixels(64 * 64, 16)
const image = writeDicom({ elements: { ...greyImage(64, 64), PatientID: 'P1', PixelData: Buffer.from(pixels.buffer) } })

afterAll(() => decoder.stop())

/** An input that never ends. */
async function* endless(): AsyncGenerator<Uint8Array> {
  yield image.subarray(0, 100)
  await new Promise<never>(() => {})
}

describe('an image is decoded in a process of its own', () => {
  it('behind bubblewrap, without a network', () => {
    expect(decoder.status().isolation).toMatchObject({ level: 'bubblewrap', networkIsolated: true })
  })

  it('whole, in pieces, and every coding with its codec', async () => {
    const whole = await decoder.decode(image, {}, soon())
    expect(whole.pixels).toEqual(pixels)
    expect(whole.identity).toBeInstanceOf(Phi)
    expect(Phi.reveal(whole.identity)).toMatchObject({ patientId: 'P1' })
    async function* pieces() {
      for (let at = 0; at < image.length; at += 1000) yield image.subarray(at, at + 1000)
    }
    expect((await decoder.decode([pieces()], {}, soon())).pixels).toEqual(pixels)
    for (const [name, sample] of await makeSamples()) {
      const { frames, rows, columns } = await decoder.decode(sample, {}, soon())
      expect([name, frames * rows * columns > 0]).toEqual([name, true])
    }
  })

  it('large pixels come back as they are', async () => {
    const large = testPixels(4096 * 4096, 16)
    const file = writeDicom({ elements: { ...greyImage(4096, 4096), PixelData: Buffer.from(large.buffer) } })
    const { pixels: back } = await decoder.decode(file, {}, soon())
    expect(Buffer.compare(Buffer.from(back.buffer), Buffer.from(large.buffer))).toBe(0)
  })

  it('look-up tables come back beside them', async () => {
    const table = { LUTDescriptor: [3, 1, 16], LUTData: wordBytes([5, 6, 7]) }
    const file = writeDicom({
      elements: { ...greyImage(1, 1), ModalityLUTSequence: [table], PixelData: wordBytes([1]) },
    })
    const { modalityLut, voiLut } = await decoder.decode(file, {}, soon())
    expect(modalityLut).toEqual({ first: 1, bitsPerEntry: 16, values: Uint16Array.from([5, 6, 7]) })
    expect(voiLut).toBeUndefined()
  })
})

describe('what is wrong costs its own request', () => {
  it.each([
    ['no image', Buffer.alloc(1000, 0x41), {}, 'image_not_recognised'],
    ['a truncated one', image.subarray(0, 1000), {}, 'image_truncated'],
    [
      '10^9 pixels claimed',
      writeDicom({ elements: { ...greyImage(60_000, 60_000), PixelData: wordBytes([1]) } }),
      {},
      'image_too_large',
    ],
    [
      'a bomb',
      writeDicom({ syntax: '1.2.840.10008.1.2.1.99', elements: { PixelData: Buffer.alloc(2 ** 25) } }),
      { maxInflatedBytes: 2 ** 20 },
      'image_too_large',
    ],
    ['more bytes than the limit', image, { maxInputBytes: 2000 }, 'image_too_large'],
    ['nothing', new Uint8Array(), {}, 'image_not_recognised'],
  ])('%s', async (_name, bytes, limits, code) => {
    await expect(decoder.decode(bytes, limits, soon())).rejects.toMatchObject({ code })
    expect((await decoder.decode(image, {}, soon())).pixels).toEqual(pixels)
  })

  it('an input that stops coming is given up at the deadline', async () => {
    const started = performance.now()
    await expect(decoder.decode([endless()], {}, soon(300))).rejects.toMatchObject({ code: 'image_deadline' })
    expect(performance.now() - started).toBeLessThan(3000)
  })

  it('an input that fails is said to', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield image.subarray(0, 100)
      throw new RangeError('Mustermann')
    }
    const refusal = decoder.decode([failing()], {}, soon())
    await expect(refusal).rejects.toMatchObject({ code: 'image_input_failed' })
    await expect(refusal).rejects.not.toThrow(/Mustermann/)
  })

  it('one more than may wait is refused at once, and the others are answered', async () => {
    const small = createImageDecoder({
      isolation: 'required',
      clock: systemClock,
      log: silentLog,
      maxConcurrent: 1,
      maxWaiting: 2,
    })
    const four = Array.from({ length: 4 }, () =>
      small.decode(image, {}, soon()).then(
        () => 'read',
        (error) => error.code,
      ),
    )
    expect(await Promise.all(four)).toEqual(['read', 'read', 'read', 'image_decoder_overloaded'])
    await small.stop()
    await expect(small.decode(image, {}, soon())).rejects.toMatchObject({ code: 'image_decoder_unavailable' })
  })

  it('a process kept ready keeps nobody alive, but for whoever waits for its end', () => {
    const command = fileURLToPath(new URL('./testkit/lone-stop.ts', import.meta.url))
    const { status, stdout, stderr } = spawnSync(process.execPath, [command], { encoding: 'utf8', timeout: 60_000 })
    expect([status, stdout, stderr]).toEqual([0, 'stopped\n', ''])
  }, 60_000)

  it('memory beyond the limit ends the request, not us', async () => {
    const tight = createImageDecoder({
      isolation: 'required',
      clock: systemClock,
      log: silentLog,
      memoryLimitBytes: 2 ** 20,
    })
    const zeros = writeDicom({
      syntax: '1.2.840.10008.1.2.1.99',
      elements: { ...greyImage(8000, 8000), NumberOfFrames: '3', PixelData: Buffer.alloc(384_000_000) },
    })
    const code = await tight.decode(zeros, {}, soon()).then(
      () => 'read',
      (error) => error.code,
    )
    expect(code).toMatch(/^image_(decoder_out_of_memory|decoder_lost|too_large|malformed)$/)
    await tight.stop()
  }, 60_000)
})
