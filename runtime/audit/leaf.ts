/**
 * An audit leaf: canonical JSON of integers and strings, 400 bytes as a rule and 65,535 at most. docs/audit-format.md
 * is the specification. Nothing in it identifies a patient: what was said about whom is behind `body`, a commitment
 * under a 256-bit salt that is stored with the encrypted body.
 */
export type LeafKind =
  /** First leaf of a log. */
  | 'log-opened'
  /** A result or a refusal for a subject; has a body. */
  | 'decision'
  /** Accept or override of a decision; has a body. */
  | 'feedback'
  /** Somebody read a decision. */
  | 'read'
  /** A request was refused before it concerned a subject. */
  | 'refused'
  /** A model went live in its slot. */
  | 'activated'
  /** Requests that touch no patient data, counted per client, route and minute. */
  | 'counted'

/** What the writer says; the ledger adds `v`, `seq` and `at`. */
export interface LeafDraft {
  readonly kind: LeafKind
  readonly [member: string]: string | number
}
