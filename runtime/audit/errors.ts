import { WardstoneError, type WardstoneErrorOptions } from '../../device/platform/errors.ts'

export const auditErrors = {
  audit_log_damaged:
    'The end of the audit log does not agree with its signed checkpoint, so nothing is added to it. Run `wardstone audit verify` to see what happened.',
  audit_log_rolled_back:
    'The database lacks a checkpoint that this log has signed: it was deleted, replaced by an older copy, or forked. Put the right copy back, or start a new log on purpose by giving it a new origin in the configuration.',
  audit_log_foreign: 'The database holds a log of another origin or signing key than the configured ones.',
  audit_log_empty: 'The database holds no audit log.',
  audit_leaf_invalid: 'The audit leaf is not in the form of docs/audit-format.md.',
  audit_evidence_invalid: 'The event cannot be recorded as given.',
} as const

export class AuditError extends WardstoneError<keyof typeof auditErrors> {
  constructor(code: keyof typeof auditErrors, options?: WardstoneErrorOptions) {
    super(code, auditErrors[code], options)
  }
}
