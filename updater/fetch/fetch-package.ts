import type { Randomness } from '../../device/crypto/randomness.ts'
import { PackageError } from '../../models/package/errors.ts'
import type { AgreedTarget } from '../../models/package/policy.ts'
import { ArrivalCheck } from './arrival-check.ts'
import { verifyGoing, withDeadline } from './deadline.ts'
import { FetchError } from './errors.ts'
import { PartFile } from './part-file.ts'
import { isPassing, persist } from './retry.ts'
import type { FetchLimits, ReleaseSource } from './source.ts'

export interface PackageFetch {
  /** What vendor and fleet agree on: only this is accepted. */
  readonly target: AgreedTarget
  /** Where the whole package lies at the end; until then its beginning grows beside it, in `<into>.part`. */
  readonly into: string
  readonly limits: FetchLimits
  readonly randomness: Randomness
  readonly signal: AbortSignal
  /** Bytes that have been verified and written, of the signed length. */
  progress(bytes: number, totalBytes: number): void
}

/** How often in one fetch a source may send bytes that are not the signed ones. */
const MAX_FINDINGS = 3

/**
 * Brings a package, whole, verified and durable, to `into`. What an earlier fetch has left there is kept as far as it
 * is sound, so after a cut, a crash or a reboot only the rest is asked for, and nothing of a package that is whole. Bytes that are not the signed ones are never written: they are asked for once more from the same
 * place, and then the package is refused.
 * @throws FetchError for trouble on the way: what has arrived stays, unless the disk is full
 * @throws PackageError when the source has another package than the one that was signed
 */
export async function fetchPackage(source: ReleaseSource, job: PackageFetch): Promise<void> {
  const { target, limits } = job
  if (target.lengthBytes > limits.maxPackageBytes) throw new FetchError('fetch_package_too_large')
  await withDeadline(limits.totalMs, job.signal, async (signal) => {
    const part = await PartFile.open(job.into)
    try {
      const check = new ArrivalCheck(target)
      await keepWhatIsSound(part, check, signal)
      job.progress(check.soundBytes, target.lengthBytes)
      await receive(source, part, check, { ...job, signal })
      check.finish()
      await part.complete()
    } catch (error) {
      // Half a package is no use on a disk that others need.
      if (error instanceof FetchError && error.code === 'fetch_disk_full') part.remove()
      throw error
    } finally {
      await part.close()
    }
  })
}

/** Reads what is there as if it arrived. After a loss of power its end may be anything: it is cut where it stops being sound. */
async function keepWhatIsSound(part: PartFile, check: ArrivalCheck, signal: AbortSignal): Promise<void> {
  try {
    for await (const bytes of part.read()) {
      verifyGoing(signal)
      for (const _ of check.push(bytes));
    }
  } catch (error) {
    if (!(error instanceof PackageError)) throw error
  }
  check.rewind()
  await part.cut(check.soundBytes)
}

async function receive(source: ReleaseSource, part: PartFile, check: ArrivalCheck, job: PackageFetch): Promise<void> {
  const { lengthBytes } = job.target
  if (check.isComplete) return
  await part.verifyRoom(lengthBytes - check.soundBytes + job.limits.reserveBytes)
  const attempt = async (): Promise<void> => {
    if (check.isComplete) return
    for await (const bytes of source.openPackage(check.receivedBytes, lengthBytes, job.signal)) {
      for (const unit of check.push(bytes)) {
        await part.append(unit)
        job.progress(check.soundBytes, lengthBytes)
      }
    }
    if (!check.isComplete) throw new FetchError('fetch_interrupted')
  }
  const secondChance = oncePerPlace(check)
  await persist(attempt, {
    ...job,
    isPassing: (error) => secondChance(error) || isPassing(error),
    progress: () => check.receivedBytes,
  })
}

/**
 * What came of a unit before its file was replaced is of no use. Wrong bytes may also come of a connection taken up again while the file behind it was replaced, so the unit that they
 * are in is asked for once more, whole. Wrong again at the same place, the source has another package.
 */
function oncePerPlace(check: ArrivalCheck): (error: unknown) => boolean {
  let place = -1
  let findings = 0
  return (error) => {
    const isOtherFile = error instanceof FetchError && error.code === 'fetch_source_changed'
    if (error !== check.finding && !isOtherFile) return false
    check.rewind()
    if (isOtherFile) return true
    const isAgain = check.soundBytes === place
    place = check.soundBytes
    findings += 1
    return !isAgain && !check.isComplete && findings <= MAX_FINDINGS
  }
}
