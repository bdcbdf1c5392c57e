import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

/** What keeps an audit command from answering; `about` is a fixed phrase or a code, never an argument. */
export const auditCommandErrors = {
  audit_arguments_invalid: 'The arguments do not say what to look for.',
  audit_evidence_unrecorded: 'The reading could not be recorded in the audit log, so nothing is shown.',
  audit_interrupted: 'It was interrupted, so there is no file.',
  audit_export_exists: 'The file exists already. Choose another name, or replace it with --force.',
  audit_export_unwritable: 'The export could not be written there.',
} as const

export class AuditCommandError extends WardstoneError<keyof typeof auditCommandErrors> {
  constructor(code: keyof typeof auditCommandErrors, options?: WardstoneErrorOptions) {
    super(code, auditCommandErrors[code], options)
  }
}
