import type { JsonObject } from '../../device/platform/canonical-json.ts'
import type { OutboundRow } from '../egress/outbound.ts'
import type { LeafDraft } from './leaf.ts'

/** Everything that one event leaves behind, written in one transaction or not at all. */
export interface Evidence {
  readonly leaf: LeafDraft
  /** Sealed under the subject's key; the leaf gets its salted commitment as member `body`. */
  readonly body?: {
    readonly id: string
    readonly subject: string
    /** Id of the body this one is about: feedback names its decision. */
    readonly about?: string | undefined
    readonly content: JsonObject
  }
  /** The narrowed row that may leave the box. */
  readonly outbound?: OutboundRow
  /** Raises the version floor of a model; the leaf is of kind `activated` or `rolled-back` and gets these members. */
  readonly activation?: ActivationRow
  /** Image targets below this version are refused from now on; of kinds that are decided by them. The leaf gets it as a member. */
  readonly imageVersion?: number | undefined
}

export interface ActivationRow {
  readonly slot: string
  readonly modelId: string
  readonly version: string
  readonly packageHash: string
  readonly releaseCounter: number
  /** The change of the slot that this is: 128 bits, lowercase hex. */
  readonly event?: string
  readonly change?: 'activate' | 'rollback'
}

/** Where an event stands in the log: the answer carries it. */
export interface AuditPosition {
  readonly origin: string
  readonly leafIndex: number
  /** SHA-256(0x00 ‖ leaf), lowercase hex (RFC 6962 §2.1). */
  readonly leafHash: string
}

/** The one way to write. Resolves only after the event is durable (fsync). */
export interface Ledger {
  /**
   * @throws StorageError storage_full | storage_failed | storage_busy | storage_row_refused | storage_closed,
   * AuditError audit_leaf_invalid | audit_evidence_invalid; then nothing of the event was kept.
   */
  commit(evidence: Evidence): Promise<AuditPosition>
}
