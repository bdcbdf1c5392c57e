import type { Randomness } from '../../device/crypto/randomness.ts'
import { MAX_GRANT_BYTES } from '../../models/package/targets.ts'
import { withDeadline } from './deadline.ts'
import { isPassing, persist } from './retry.ts'
import type { FetchLimits, MetadataName, ReleaseSource } from './source.ts'

export interface MetadataFetch {
  readonly limits: FetchLimits
  readonly randomness: Randomness
  readonly signal: AbortSignal
}

export interface FetchedMetadata {
  readonly imageBytes: Uint8Array
  readonly grantBytes: Uint8Array
}

/**
 * Both statements about a release: small, and enough to know whether its package is worth fetching. Nothing is verified.
 * @throws FetchError
 */
export function fetchMetadata(source: ReleaseSource, job: MetadataFetch): Promise<FetchedMetadata> {
  const { limits, randomness } = job
  return withDeadline(limits.totalMs, job.signal, async (signal) => {
    const read = (name: MetadataName, maxBytes: number) =>
      persist(() => source.readFile(name, maxBytes, signal), {
        limits,
        randomness,
        signal,
        isPassing,
        progress: () => 0,
      })
    const imageBytes = await read('image.json', limits.maxMetadataBytes)
    return { imageBytes, grantBytes: await read('grant.json', Math.min(MAX_GRANT_BYTES, limits.maxMetadataBytes)) }
  })
}
