import { setImmediate as breath } from 'node:timers/promises'
import type { Clock } from '../../device/platform/clock.ts'
import { ContractError } from '../../models/contract/errors.ts'
import type { GoldenCases, GoldenVector } from '../../models/contract/golden.ts'
import { imageSteps } from '../../models/contract/image/image-steps.ts'
import type { Contract, GoldenVectors } from '../../models/contract/schema.ts'
import { ImageError } from '../images/errors.ts'
import type { ImageDecoder } from '../images/image-decoder.ts'

const DECODE_MS = 60_000

interface GoldenDecoder {
  readonly images?: Pick<ImageDecoder, 'prepare'> | undefined
  readonly clock: Clock
}

/**
 * The golden vectors with their images decoded and prepared, each once, on the way that a patient's image takes.
 * @throws ContractError contract_inconsistent about the vector whose image cannot be decoded; ImageError when nothing decodes here
 */
export async function prepareGolden(
  golden: GoldenVectors,
  contract: Contract,
  decoder: GoldenDecoder,
): Promise<GoldenCases> {
  await breath()
  const vectors: GoldenVector[] = []
  for (const vector of golden.vectors)
    vectors.push(vector.image === undefined ? vector : await withImage(vector, vector.image, contract, decoder))
  return { vectors }
}

async function withImage(
  vector: GoldenVector,
  base64: string,
  contract: Contract,
  { images, clock }: GoldenDecoder,
): Promise<GoldenVector> {
  if (images === undefined) throw new ImageError('image_decoder_unavailable')
  try {
    const deadlineMs = clock.monotonicMs() + DECODE_MS
    const received = await images.prepare(Buffer.from(base64, 'base64'), [imageSteps(contract)], {}, deadlineMs)
    const [prepared] = received.prepared
    return prepared === undefined ? vector : { ...vector, prepared: { facts: received.facts, prepared } }
  } catch (cause) {
    if (!(cause instanceof ImageError) || isOfTheBox(cause)) throw cause
    throw new ContractError('contract_inconsistent', { about: `golden-vectors: ${vector.name}`, cause })
  }
}

/** Another moment, or another box, may decode it. */
function isOfTheBox({ code }: ImageError): boolean {
  return code.startsWith('image_decoder_') || code === 'image_deadline'
}
