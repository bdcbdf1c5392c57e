import type { Clock } from '../../device/platform/clock.ts'
import type { Log } from '../../device/platform/log.ts'
import { readRegularFile } from '../../models/package/regular-file.ts'
import { MAX_GRANT_BYTES, MAX_IMAGE_BYTES } from '../../models/package/targets.ts'
import { type PackagePaths, verifyAgreement } from '../../models/package/verify.ts'
import { ActivationError } from '../decisions/activation-errors.ts'
import { proveRelease, type SlotSettings } from '../decisions/proven-release.ts'
import type { PinnedTrust } from '../decisions/release-prover.ts'
import type { ActiveModel } from '../decisions/types.ts'
import { availableMemoryBytes } from '../inference/isolation.ts'

/**
 * A package as the runtime would open it: both signatures, this device's grant, hashes, contract, a worker of its own
 * behind the same walls, golden vectors and rehearsal. It takes no slot and decides for nobody, so the log is not asked
 * what ran here before: an older release may be measured, an expired or revoked one may not.
 * @throws PackageError, ContractError, InferenceError, ActivationError runtime_memory_short
 */
export async function openModel(
  paths: PackagePaths,
  trust: PinnedTrust,
  settings: SlotSettings,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<ActiveModel> {
  const image = readRegularFile(paths.image, MAX_IMAGE_BYTES)
  const grant = readRegularFile(paths.grant, MAX_GRANT_BYTES)
  const { target } = await verifyAgreement(image, grant, trust)
  const nothingRan = { floor: () => undefined, wasActivated: () => false, imageVersion: 0 }
  const admit = (memoryBytes: number) => {
    if (memoryBytes > availableMemoryBytes()) throw new ActivationError('runtime_memory_short')
  }
  const loader = { settings, clock, log, admit, started: () => {} }
  const wholeTrust = { ...trust, ...nothingRan, nowMs: clock.nowMs() }
  const { model } = await proveRelease(target.modelId, target.packageHash, paths, wholeTrust, loader)
  return model
}
