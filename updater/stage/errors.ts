import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const stageErrors = {
  stage_metadata_rolled_back: 'The image targets are older than those that the store has.',
  stage_metadata_forked: 'The image targets have the version of those in the store, and are not the same.',
  stage_active_unlisted:
    'The image targets leave out a release that runs here. The vendor lists it, or lists it as revoked.',
  stage_package_missing: 'The package of the job is not there.',
  stage_release_in_use: 'A slot runs this release, or keeps it for a rollback.',
  stage_disk_full: 'The disk of the model store is full.',
  stage_store_failed: 'The model store could not be read or written.',
} as const

export type StageErrorCode = keyof typeof stageErrors

export class StageError extends WardstoneError<StageErrorCode> {
  constructor(code: StageErrorCode, options?: WardstoneErrorOptions) {
    super(code, stageErrors[code], options)
  }
}

/** Work on the store; what the system refuses is named. @throws StageError stage_disk_full | stage_store_failed */
export function onStore<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof WardstoneError) throw cause
    const code: unknown = cause instanceof Object && 'code' in cause ? cause.code : undefined
    const isFull = code === 'ENOSPC' || code === 'EDQUOT'
    throw new StageError(isFull ? 'stage_disk_full' : 'stage_store_failed', { cause })
  }
}
