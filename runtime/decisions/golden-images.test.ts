import { describe, expect, it } from 'vitest'
import { Phi } from '../../device/platform/phi.ts'
import type { Prepared } from '../../models/contract/image/prepared-image.ts'
import type { GoldenVectors } from '../../models/contract/schema.ts'
import { ImageError } from '../images/errors.ts'
import type { ReceivedImage } from '../images/received-image.ts'
import { InferenceError } from '../inference/errors.ts'
import { prepareGolden } from './golden-images.ts'
import { image, imageContract, imageFacts } from './testkit/image-bench.ts'

const MIB = 1024 * 1024
const contract = imageContract()
const clock = { nowMs: () => 0, monotonicMs: () => 0 }

function golden(count: number): GoldenVectors {
  const vectors = Array.from({ length: count }, (_, index) => ({
    name: `picture ${index}`,
    image: 'AAAA',
    inputs: {},
    expect: { refused: 'input_missing' },
  }))
  return { version: 1, vectors }
}

/** Decodes every image to so much; what was asked is counted. */
class PlayedDecoder {
  asked = 0
  readonly #prepared: () => Prepared

  constructor(prepared: () => Prepared) {
    this.#prepared = prepared
  }

  async prepare(): Promise<ReceivedImage> {
    this.asked += 1
    const identity = {
      patientId: undefined,
      isPatientUnreadable: false,
      accessionNumber: undefined,
      studyInstanceUid: undefined,
      seriesInstanceUid: undefined,
      sopInstanceUids: [],
    }
    return { facts: imageFacts(), identity: new Phi(identity), prepared: [this.#prepared()], files: [] }
  }
}

describe('the images of golden vectors', () => {
  it('are prepared each once, in their order', async () => {
    const images = new PlayedDecoder(() => ({ tensors: image() }))
    const { vectors } = await prepareGolden(golden(3), contract, { images, clock })
    expect(vectors.map(({ name, prepared }) => [name, prepared?.facts.rows])).toEqual([
      ['picture 0', 256],
      ['picture 1', 256],
      ['picture 2', 256],
    ])
    expect(images.asked).toBe(3)
  })

  it('that together become more than the box holds beside its patients refuse the package, before the next is decoded', async () => {
    const large = { tensors: image(new Float32Array(16 * MIB)) }
    const images = new PlayedDecoder(() => large)
    const preparing = prepareGolden(golden(1000), contract, { images, clock })
    await expect(preparing).rejects.toMatchObject({
      code: 'contract_inconsistent',
      about: 'golden-vectors: picture 4',
    })
    expect(images.asked).toBe(5)
  })

  it('of which each takes its time end when the time for the package does', async () => {
    const images = new PlayedDecoder(() => ({ tensors: image() }))
    const verifyTime = () => {
      if (images.asked === 2) throw new InferenceError('inference_self_test_failed', { about: 'time' })
    }
    const preparing = prepareGolden(golden(10_000), contract, { images, clock, verifyTime })
    await expect(preparing).rejects.toMatchObject({ code: 'inference_self_test_failed', about: 'time' })
    expect(images.asked).toBe(2)
  })

  it.each([
    ['image_malformed', 'contract_inconsistent'],
    ['image_decoder_out_of_memory', 'contract_inconsistent'],
    ['image_decoder_lost', 'image_decoder_lost'],
    ['image_deadline', 'image_deadline'],
  ] as const)('that end in %s: %s, which speaks against the package or against the box', async (fault, code) => {
    const images = { prepare: () => Promise.reject(new ImageError(fault)) }
    await expect(prepareGolden(golden(1), contract, { images, clock })).rejects.toMatchObject({ code })
  })

  it('are not decoded where nothing decodes', async () => {
    await expect(prepareGolden(golden(1), contract, { clock })).rejects.toMatchObject({
      code: 'image_decoder_unavailable',
    })
  })
})
