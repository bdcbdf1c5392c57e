import { setImmediate as breath } from 'node:timers/promises'
import type { Clock } from '../../device/platform/clock.ts'
import { ContractError } from '../../models/contract/errors.ts'
import type { GoldenCases, GoldenVector } from '../../models/contract/golden.ts'
import { imageSteps } from '../../models/contract/image/image-steps.ts'
import type { Contract, GoldenVectors } from '../../models/contract/schema.ts'
import { ImageError } from '../images/errors.ts'
import type { ImageDecoder } from '../images/image-decoder.ts'

const DECODE_MS = 60_000
/** What all vectors' images may become together: it is held by the process that decides for the patients. */
const MAX_PREPARED_BYTES = 256 * 1024 * 1024

interface GoldenDecoder {
  readonly images?: Pick<ImageDecoder, 'prepare'> | undefined
  readonly clock: Clock
  /** Asked before each image. @throws when the time for proving a package is up */
  verifyTime?(): void
}

/**
 * The golden vectors with their images decoded and prepared, each once, on the way that a patient's image takes.
 * @throws ContractError contract_inconsistent about the vector whose image cannot be decoded, or with which all are too large; ImageError
 * when nothing decodes here; what `verifyTime` throws
 */
export async function prepareGolden(
  golden: GoldenVectors,
  contract: Contract,
  decoder: GoldenDecoder,
): Promise<GoldenCases> {
  await breath()
  const vectors: GoldenVector[] = []
  let bytes = 0
  for (const vector of golden.vectors) {
    decoder.verifyTime?.()
    const ready = vector.image === undefined ? vector : await withImage(vector, vector.image, contract, decoder)
    bytes += preparedBytes(ready)
    if (bytes > MAX_PREPARED_BYTES)
      throw new ContractError('contract_inconsistent', { about: `golden-vectors: ${vector.name}` })
    vectors.push(ready)
  }
  return { vectors }
}

function preparedBytes({ prepared }: GoldenVector): number {
  if (prepared === undefined || 'refused' in prepared.prepared) return 0
  return Object.values(prepared.prepared.tensors).reduce((sum, { data }) => sum + data.byteLength, 0)
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

/** Another moment, or another box, may decode it. What it may take in memory is the same everywhere. */
function isOfTheBox({ code }: ImageError): boolean {
  if (code === 'image_decoder_out_of_memory') return false
  return code.startsWith('image_decoder_') || code === 'image_deadline'
}
