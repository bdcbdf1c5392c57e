import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const updaterErrors = {
  updater_store_in_use: 'Another updater works on this model store.',
  updater_store_full: 'The disk of the model store has no room left.',
  updater_store_unwritable: 'The model store cannot be written.',
  updater_file_unreadable: 'A file that the configuration names is missing, unreadable or of the wrong kind.',
  updater_runtime_unreachable: 'The runtime did not answer in the time that a job waits for it.',
  updater_runtime_answer_invalid: 'The runtime answered something that does not follow the channel.',
  updater_runtime_refused: 'The runtime refused.',
  updater_prove_timeout: 'The runtime did not finish proving the release in time.',
  updater_prove_broken: 'The connection to the runtime broke each time while it proved the release.',
  updater_job_cancelled: 'The job was given up by an operator.',
  updater_stopping: 'The updater is stopping. The job goes on when it starts again.',
} as const

export class UpdaterError extends WardstoneError<keyof typeof updaterErrors> {
  constructor(code: keyof typeof updaterErrors, options?: WardstoneErrorOptions) {
    super(code, updaterErrors[code], options)
  }
}

const FULL = ['ENOSPC', 'EDQUOT', 'SQLITE_FULL']
const UNWRITABLE = [
  'EROFS',
  'EACCES',
  'EPERM',
  'EIO',
  'ENOTDIR',
  'ENOENT',
  'EISDIR',
  'EEXIST',
  'EMFILE',
  'ENFILE',
  'EFBIG',
]

/** What the system says of the store, in words of the house; other errors come back as they are. */
export function asStoreFault(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (FULL.includes(code)) return new UpdaterError('updater_store_full', { cause: error })
  if (UNWRITABLE.includes(code)) return new UpdaterError('updater_store_unwritable', { cause: error, about: code })
  return error
}

/** The runtime said no, with a code of its own: `about` is that code. */
export class RuntimeRefusal extends UpdaterError {
  readonly refusedCode: string

  constructor(refusedCode: string) {
    super('updater_runtime_refused', { about: refusedCode })
    this.refusedCode = refusedCode
  }
}
