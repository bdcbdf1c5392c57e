import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const storageErrors = {
  storage_full:
    'The disk is full: nothing was decided, because nothing could be recorded. Free space on the data volume.',
  storage_failed: 'The database could not be written.',
  storage_key_wrong: 'The database does not open with this key.',
  storage_not_encrypted: 'The database would be stored in plain text; the SQLite library has no cipher.',
  storage_version_unsupported: 'The database was written by a newer release.',
  storage_locked: 'Another instance uses this database.',
  storage_closed: 'The database is closing.',
} as const

export class StorageError extends WardstoneError<keyof typeof storageErrors> {
  constructor(code: keyof typeof storageErrors, options?: WardstoneErrorOptions) {
    super(code, storageErrors[code], options)
  }
}
