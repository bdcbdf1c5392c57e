import { z } from 'zod'
import { canonicalJson } from '../../device/platform/canonical-json.ts'
import { type ChannelMethod, channelMethod } from '../../device/platform/channel.ts'
import type { LeafDraft } from './leaf.ts'
import { selectionSchema } from './selection.ts'
import type { AuditPosition, Ledger } from './types.ts'

/**
 * A person at the box itself, as the operating system knows them. Weaker than a client certificate: whoever may open the
 * site's files may also say this, and the evidence says so by its strength.
 */
const operatorSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9._-]{1,32}$/),
  uid: z.int().min(0),
  /** Who logged in, when that was recorded at login: it survives sudo. */
  loginUid: z.int().min(0).optional(),
})
export type Operator = z.infer<typeof operatorSchema>

const id = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/)
/** Any decision of the subject in question: leaves name no patient, and a decision leads to one. */
const subjectDecision = id.optional()
const count = z.int().min(0)

export const operatorEventSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('read'),
    operator: operatorSchema,
    scope: z.enum(['decision', 'subject']),
    decision: subjectDecision,
    selection: selectionSchema,
  }),
  z.strictObject({
    kind: z.literal('exported'),
    operator: operatorSchema,
    scope: z.enum(['log', 'subject']),
    decision: subjectDecision,
    selection: selectionSchema,
    format: z.enum(['ndjson', 'csv']),
    content: z.enum(['leaves', 'records']),
    /** Only leaves before this index were considered. */
    end: count,
    leaves: count,
    records: count,
    /** What ties the file to the log: of leaves that were made up later there is no such leaf. */
    digest: z.string().regex(/^[0-9a-f]{64}$/),
  }),
])
export type OperatorEvent = z.infer<typeof operatorEventSchema>

/** Role in the leaves of operators; no client certificate can carry it. */
export const OPERATOR_ROLE = 'local-operator'
/** No certificate's client id has a colon: an operator is never taken for a client of the same name. */
export const operatorClient = ({ name }: Operator): string => `local:${name}`

export function operatorLeaf(event: OperatorEvent): LeafDraft {
  const { kind, operator, selection, ...members } = event
  const said = Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
  return {
    ...said,
    kind,
    client: operatorClient(operator),
    role: OPERATOR_ROLE,
    strength: 'os-user',
    uid: operator.uid,
    ...(operator.loginUid === undefined ? {} : { loginUid: operator.loginUid }),
    selection: canonicalJson(selection),
  }
}

export const RECORD_METHOD = 'record-operator-event'

/** What the runtime does for the audit commands while it is the one writer: it records that somebody looked. */
export function operatorMethods(ledger: Ledger): Readonly<Record<string, ChannelMethod>> {
  const record = async (event: OperatorEvent) => ({ ...(await ledger.commit({ leaf: operatorLeaf(event) })) })
  return { [RECORD_METHOD]: channelMethod(operatorEventSchema, record) }
}

export const positionSchema = z.strictObject({
  origin: z.string(),
  leafIndex: z.int().min(0),
  leafHash: z.string().regex(/^[0-9a-f]{64}$/),
}) satisfies z.ZodType<AuditPosition>
