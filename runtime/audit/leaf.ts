import { canonicalBytes, parseCanonical } from '../../device/platform/canonical-json.ts'
import { AuditError } from './errors.ts'

/**
 * An audit leaf: canonical JSON of integers and strings, 400 bytes as a rule and 65,535 at most. docs/audit-format.md
 * is the specification. Nothing in it identifies a patient: what was said about whom is behind `body`, a commitment
 * under a 256-bit salt that is stored with the encrypted body.
 */
export const leafKinds = [
  /** First leaf of a log. */
  'log-opened',
  /** A result or a refusal for a subject; has a body. */
  'decision',
  /** Accept or override of a decision; has a body. */
  'feedback',
  /** The explanation of a decision that was not ready with it; has a body. */
  'explained',
  /** Somebody read a decision. */
  'read',
  /** A request was refused before it concerned a subject. */
  'refused',
  /** A model went live in its slot. */
  'activated',
  /** The model that was live before went live again. */
  'rolled-back',
  /** A package was refused and does not run. */
  'package-refused',
  /** Somebody asked over the API for a change of models; what became of it is in the kinds above. */
  'change-asked',
  /** A local operator wrote leaves, or records too, to a file. */
  'exported',
  /** Requests that touch no patient data, counted per client, route and minute. */
  'counted',
] as const

/** Kinds that say which image targets they were decided by; the database remembers the highest version. */
export const imageVersionKinds = ['activated', 'rolled-back', 'package-refused'] as const satisfies readonly LeafKind[]

export type LeafKind = (typeof leafKinds)[number]

/** What the writer says; the ledger adds `v`, `seq` and `at`, and `body` where there is one. */
export interface LeafDraft {
  readonly kind: LeafKind
  readonly [member: string]: string | number
}

/** A leaf as it stands in the log. */
export interface Leaf extends LeafDraft {
  readonly v: 1
  /** Its index in the log, from 0. */
  readonly seq: number
  /** When it was committed by the wall clock: RFC 3339, UTC, milliseconds. */
  readonly at: string
}

export const MAX_LEAF_BYTES = 65_535
const MEMBER = /^[a-z][A-Za-z0-9]{0,31}$/
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
const COMMITMENT = /^[0-9a-f]{64}$/

/**
 * The bytes of a leaf.
 * @param seq index in the log
 * @param atMs wall-clock time in milliseconds
 * @throws AuditError audit_leaf_invalid for members that a leaf cannot carry, or more than {@link MAX_LEAF_BYTES}
 */
export function encodeLeaf(draft: LeafDraft, seq: number, atMs: number): Uint8Array {
  const at = new Date(atMs).toISOString()
  const leaf = { ...draft, v: 1, seq, at }
  if ('v' in draft || 'seq' in draft || 'at' in draft)
    throw new AuditError('audit_leaf_invalid', { about: 'reserved member' })
  verifyMembers(leaf)
  const bytes = canonicalBytes(leaf)
  if (bytes.length > MAX_LEAF_BYTES) throw new AuditError('audit_leaf_invalid', { about: 'size' })
  return bytes
}

/** @throws AuditError audit_leaf_invalid */
export function parseLeaf(bytes: Uint8Array): Leaf {
  if (bytes.length > MAX_LEAF_BYTES) throw new AuditError('audit_leaf_invalid', { about: 'size' })
  const value = parseBytes(bytes)
  if (!isLeaf(value)) throw new AuditError('audit_leaf_invalid')
  verifyMembers(value)
  return value
}

function parseBytes(bytes: Uint8Array): unknown {
  try {
    return parseCanonical(bytes)
  } catch (cause) {
    throw new AuditError('audit_leaf_invalid', { cause })
  }
}

function isLeaf(value: unknown): value is Leaf {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { v, seq, at, kind, body } = value as Record<string, unknown>
  if (v !== 1 || !Number.isSafeInteger(seq) || Number(seq) < 0) return false
  if (typeof at !== 'string' || !MOMENT.test(at) || Number.isNaN(Date.parse(at))) return false
  if (body !== undefined && (typeof body !== 'string' || !COMMITMENT.test(body))) return false
  return leafKinds.some((known) => known === kind)
}

function verifyMembers(members: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(members)) {
    const isScalar = typeof value === 'string' ? value.isWellFormed() : Number.isSafeInteger(value)
    if (!MEMBER.test(name) || !isScalar) throw new AuditError('audit_leaf_invalid', { about: 'member' })
  }
}
