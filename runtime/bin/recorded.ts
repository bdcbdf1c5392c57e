import type { JsonObject } from '../../device/platform/canonical-json.ts'
import type { AuditLog, FoundLeaf } from '../audit/audit-log.ts'
import { member } from '../audit/query.ts'

type Body = ReturnType<AuditLog['search']['bodyById']>

/** A record with the leaf that committed to it. */
export interface Recorded {
  readonly found: FoundLeaf
  /** What was recorded; undefined for a subject that was erased. */
  readonly record: JsonObject | undefined
}

/** @returns undefined for what no checkpoint speaks for yet, or what is not there */
export function recordedOf(log: AuditLog, body: Body): Recorded | undefined {
  const stored = body === undefined || body.index >= log.checkpoint.size ? undefined : log.search.at(body.index)
  if (body === undefined || stored === undefined) return undefined
  const found = log.check(stored)
  return { found, record: log.open(body, found.leaf)?.record }
}

/** What a record says, once its leaf has been found to have committed to it. */
export function contentOf(log: AuditLog, body: Body): unknown {
  return member(recordedOf(log, body)?.record, 'content')
}
