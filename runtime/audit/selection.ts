import { z } from 'zod'
import { AuditCommandError } from './command-errors.ts'
import { type LeafKind, leafKinds } from './leaf.ts'
import { parseMoment } from './moment.ts'

const moment = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/)
/** Names as leaves carry them: of clients, models, codes. Nothing else could be found, and nothing else gets into evidence. */
const name = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/)
/** Also those together that were too many to be counted each under its name. */
const clientName = z.string().regex(/^(?:[A-Za-z0-9._:-]{1,128}|\(others\))$/)

/** What is asked of the log; whose record it is about is said apart from it. */
export const selectionSchema = z.strictObject({
  from: moment.optional(),
  to: moment.optional(),
  kind: z.enum(leafKinds).optional(),
  client: clientName.optional(),
  model: name.optional(),
  outcome: name.optional(),
  alert: z.enum(['yes', 'no']).optional(),
})
export type Selection = z.infer<typeof selectionSchema>

/** The options of `parseArgs` that make a selection. */
export const selectionOptions = {
  from: { type: 'string' },
  to: { type: 'string' },
  kind: { type: 'string' },
  client: { type: 'string' },
  model: { type: 'string' },
  outcome: { type: 'string' },
  alert: { type: 'string' },
} as const

export const SELECTION_HELP = `  --from TIME          from this moment on (RFC 3339 with offset, such as 2026-03-01T00:00:00+01:00)
  --to TIME            up to, but not including, this moment
  --model ID           decisions of one model
  --outcome CODE       decisions that ended so: scored, or the code of a refusal
  --alert yes|no       decisions with or without an alert
  --client ID          what one client did; local:NAME is a person at the box
  --kind KIND          ${leafKinds.slice(0, 4).join(', ')},
                       ${leafKinds.slice(4).join(', ')}
`

/** @throws AuditCommandError audit_arguments_invalid naming the option, never its value */
export function parseSelection(values: Readonly<Partial<Record<keyof Selection, string>>>): Selection {
  const { from, to, kind, client, model, outcome, alert } = values
  const selection = {
    ...(from === undefined ? {} : { from: momentOf(from, '--from') }),
    ...(to === undefined ? {} : { to: momentOf(to, '--to') }),
    ...(kind === undefined ? {} : { kind: kind as LeafKind }),
    ...(client === undefined ? {} : { client }),
    ...(model === undefined ? {} : { model }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(alert === undefined ? {} : { alert: alert as 'yes' | 'no' }),
  }
  const parsed = selectionSchema.safeParse(selection)
  if (!parsed.success) throw invalid(`--${String(parsed.error.issues[0]?.path[0] ?? '')}`)
  const isEmpty = parsed.data.from !== undefined && parsed.data.to !== undefined && parsed.data.from >= parsed.data.to
  if (isEmpty) throw invalid('--from is not before --to')
  return parsed.data
}

function momentOf(text: string, option: string): string {
  const found = parseMoment(text)
  if (found === undefined) throw invalid(`${option} takes an RFC 3339 time with an offset`)
  return found
}

function invalid(about: string): AuditCommandError {
  return new AuditCommandError('audit_arguments_invalid', { about })
}
