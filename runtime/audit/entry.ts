import type { Randomness } from '../../device/crypto/randomness.ts'
import { canonicalJson } from '../../device/platform/canonical-json.ts'
import { outboundRow } from '../egress/outbound.ts'
import type { StoredActivation } from '../storage/evidence-writer.ts'
import { type SealedBody, sealBody } from '../storage/sealed-body.ts'
import type { Subject, SubjectRegister } from '../storage/subjects.ts'
import { AuditError } from './errors.ts'
import { encodeLeaf, imageVersionKinds, type LeafDraft } from './leaf.ts'
import type { ActivationRow, Evidence } from './types.ts'

/** One event, checked and sealed: everything about it that does not depend on its place in the log. */
export interface Entry {
  readonly leaf: LeafDraft
  readonly body: { readonly subject: Subject; readonly row: SealedBody } | undefined
  readonly outbound: string | undefined
  readonly activation: StoredActivation | undefined
  readonly imageVersion: number | undefined
  /** How much it will write, roughly. */
  readonly bytes: number
}

/** Bounds of one body; a decision takes a few kilobytes. */
const MAX_BODY_BYTES = 4_194_304
const ID = /^[A-Za-z0-9._:-]{1,128}$/
/** A leaf is checked with the longest number and time it can get. */
const LONGEST_SEQUENCE = Number.MAX_SAFE_INTEGER

/**
 * Checks evidence before it joins a batch, so that one bad event does not cost the others their transaction.
 * @throws AuditError audit_leaf_invalid | audit_evidence_invalid
 */
export function prepareEntry(evidence: Evidence, subjects: SubjectRegister, randomness: Randomness): Entry {
  if (evidence.leaf.body !== undefined) throw new AuditError('audit_leaf_invalid', { about: 'reserved member' })
  const sealed = evidence.body === undefined ? undefined : seal(evidence.body, subjects, randomness)
  const leaf = {
    ...evidence.leaf,
    ...(evidence.activation === undefined ? {} : activationMembers(evidence.leaf, evidence.activation)),
    ...(evidence.imageVersion === undefined ? {} : imageMember(evidence.leaf, evidence.imageVersion)),
    ...(sealed === undefined ? {} : { body: sealed.commitment }),
  }
  const encoded = encodeLeaf(leaf, LONGEST_SEQUENCE, 0)
  const outbound = evidence.outbound === undefined ? undefined : narrow(evidence.outbound)
  return {
    leaf,
    body: sealed?.body,
    outbound,
    activation: evidence.activation,
    imageVersion: evidence.imageVersion,
    bytes: encoded.length + (sealed?.body.row.sealed.length ?? 0) + (outbound?.length ?? 0),
  }
}

function seal(body: NonNullable<Evidence['body']>, subjects: SubjectRegister, randomness: Randomness) {
  const { id, about, content } = body
  if (!ID.test(id) || (about !== undefined && !ID.test(about)))
    throw new AuditError('audit_evidence_invalid', { about: 'body id' })
  const subject = subjects.open(body.subject)
  const { row, commitment } = sealContent({ id, about, content, subject: subject.pseudonym }, subject, randomness)
  if (row.sealed.length > MAX_BODY_BYTES) throw new AuditError('audit_evidence_invalid', { about: 'body size' })
  return { body: { subject, row }, commitment }
}

function sealContent(body: Parameters<typeof sealBody>[0], subject: Subject, randomness: Randomness) {
  try {
    return sealBody(body, subject.key, randomness)
  } catch (cause) {
    throw new AuditError('audit_evidence_invalid', { cause, about: 'body content' })
  }
}

/** The floor is security state: its row is also said in the leaf, so that the verifier can compare the two. */
function activationMembers(leaf: LeafDraft, activation: ActivationRow): Record<string, string | number> {
  const { slot, modelId, version, packageHash, releaseCounter, event, change = 'activate' } = activation
  const members = { slot, modelId, version, packageHash, releaseCounter, ...(event === undefined ? {} : { event }) }
  const differs = Object.entries(members).some(([name, value]) => leaf[name] !== undefined && leaf[name] !== value)
  const isItsKind = leaf.kind === (change === 'rollback' ? 'rolled-back' : 'activated')
  if (!isItsKind || differs) throw new AuditError('audit_evidence_invalid', { about: 'activation' })
  return members
}

/** The version below which image targets are refused is security state, too. */
function imageMember(leaf: LeafDraft, imageVersion: number): Record<string, number> {
  const isItsKind = imageVersionKinds.some((kind) => kind === leaf.kind)
  if (!isItsKind || leaf.imageVersion !== undefined)
    throw new AuditError('audit_evidence_invalid', { about: 'image version' })
  return { imageVersion }
}

/** The schema is the wall: nothing it does not name reaches the outbox. */
function narrow(row: unknown): string {
  const parsed = outboundRow.safeParse(row)
  if (!parsed.success) throw new AuditError('audit_evidence_invalid', { about: 'outbound row' })
  return canonicalJson(parsed.data)
}
