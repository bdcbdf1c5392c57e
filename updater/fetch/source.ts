import { MAX_IMAGE_BYTES, MAX_PACKAGE_BYTES } from '../../models/package/targets.ts'
import type { sourceKinds } from '../../models/store/activation-channel.ts'

/** What is read of a release before its package. */
export type MetadataName = 'image.json' | 'grant.json'

/** Where a release comes from. It is believed in nothing: what it gives is measured by its caller. */
export interface ReleaseSource {
  readonly kind: (typeof sourceKinds)[number]
  /** @throws FetchError, fetch_metadata_too_large past `maxBytes` */
  readFile(name: MetadataName, maxBytes: number, signal: AbortSignal): Promise<Uint8Array>
  /**
   * The package from `offset` on, in order and at most up to `lengthBytes`, its signed length. It may end earlier.
   * @throws FetchError; PackageError package_truncated | package_oversized when the source has a package of another length
   */
  openPackage(offset: number, lengthBytes: number, signal: AbortSignal): AsyncIterable<Uint8Array>
}

export interface FetchLimits {
  readonly maxPackageBytes: number
  readonly maxMetadataBytes: number
  /** To a finished TLS handshake, name look-up included. */
  readonly connectMs: number
  /** The longest wait in which fewer than `floorBytes` may arrive. */
  readonly idleMs: number
  readonly floorBytes: number
  /** For the metadata, and again for the package, with all repetitions. */
  readonly totalMs: number
  /** Failures in a row without a byte of progress before the fetch is given up. */
  readonly attempts: number
  /** The wait after the first failure; it doubles up to `maxRetryMs`. */
  readonly retryMs: number
  readonly maxRetryMs: number
  /** Left free on the disk of the store, for pointers and journals. */
  readonly reserveBytes: number
}

export const defaultFetchLimits: FetchLimits = {
  maxPackageBytes: MAX_PACKAGE_BYTES,
  maxMetadataBytes: MAX_IMAGE_BYTES,
  connectMs: 20_000,
  idleMs: 30_000,
  floorBytes: 65_536,
  totalMs: 12 * 3_600_000,
  attempts: 6,
  retryMs: 1000,
  maxRetryMs: 60_000,
  reserveBytes: 32 * 1024 * 1024,
}
