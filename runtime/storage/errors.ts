import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const storageErrors = {
  storage_full:
    'The disk is full: nothing was decided, because nothing could be recorded. Free space on the data volume.',
  storage_failed: 'The database could not be written.',
  storage_busy: 'Too many events wait to be recorded. Try again shortly.',
  storage_row_refused: 'The event was not recorded: an id in it was used before, or a row does not fit the database.',
  storage_key_wrong: 'The database does not open with this key.',
  storage_not_encrypted: 'The database would be stored in plain text; the SQLite library has no cipher.',
  storage_unreadable: 'The database file could not be opened or read.',
  storage_version_unsupported: 'The database was written by a newer release.',
  storage_schema_altered: 'The tables or triggers of the database are not as built. Run `wardstone audit verify`.',
  storage_statement_refused: 'This SQL statement is not allowed on the evidence database.',
  storage_body_damaged: 'A stored record does not open as it was written. Run `wardstone audit verify`.',
  storage_locked: 'Another instance uses this database.',
  storage_closed: 'The database is closing.',
  storage_backup_exists: 'A backup is made in a folder of its own, and something is there already.',
  storage_backup_unwritable: 'The copy could not be written, or its disk is full.',
  storage_backup_damaged: 'A file of the backup is missing, cannot be read, or is not as it was written.',
  storage_restore_account: 'The folder of the database belongs to another account.',
  storage_restore_occupied: 'A database is there already, or a part of one. A backup is put back where there is none.',
} as const

export class StorageError extends WardstoneError<keyof typeof storageErrors> {
  constructor(code: keyof typeof storageErrors, options?: WardstoneErrorOptions) {
    super(code, storageErrors[code], options)
  }
}

/** One row of a batch was refused; the batch was rolled back and can be written again without it. */
export class RowRefused extends StorageError {
  /** Place of the refused event in its batch. */
  readonly row: number

  constructor(row: number, options?: WardstoneErrorOptions) {
    super('storage_row_refused', options)
    this.row = row
  }
}
