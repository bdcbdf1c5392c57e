import type { Verifier } from '../../device/crypto/signing.ts'
import { isWardstoneError } from '../../device/platform/errors.ts'
import { readRegularFile } from '../../models/package/regular-file.ts'
import { MAX_IMAGE_BYTES, verifyImageTargets } from '../../models/package/targets.ts'
import type { ModelStore } from '../../models/store/layout.ts'
import type { ActivationHistory } from '../storage/evidence-store.ts'

interface Parts {
  readonly store: ModelStore
  readonly trust: { readonly vendor: Verifier }
  readonly history: ActivationHistory
}

/**
 * The version of the image targets as they lie in the store, where the vendor has signed them and it is higher than any that the
 * log knows: what they revoke stays revoked, though nothing ran by them.
 */
export async function newerImageVersion({ store, trust, history }: Parts): Promise<number | undefined> {
  try {
    const { version } = await verifyImageTargets(readRegularFile(store.image, MAX_IMAGE_BYTES), trust.vendor)
    return version > history.imageVersion() ? version : undefined
  } catch (error) {
    if (isWardstoneError(error)) return undefined
    throw error
  }
}
