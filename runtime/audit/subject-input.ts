import type { AuditLog } from './audit-log.ts'
import { AuditCommandError } from './command-errors.ts'
import type { AuditIo } from './command-io.ts'

/** Whose leaves are meant. The identifier is never an argument: everybody on the machine can read those of a process. */
export const subjectOptions = {
  'subject-stdin': { type: 'boolean' },
  'subject-file': { type: 'string' },
  pseudonym: { type: 'string' },
} as const

export const SUBJECT_HELP = `  --subject-stdin      about the patient whose identifier is on standard input, as the hospital writes it
  --subject-file FILE  the same, from a file
  --pseudonym P-…      the same, by the pseudonym that the box gave the patient
`

interface SubjectValues {
  readonly 'subject-stdin'?: boolean | undefined
  readonly 'subject-file'?: string | undefined
  readonly pseudonym?: string | undefined
}

/** Nobody in particular; a subject that is to be looked up; or a pseudonym. */
export type SubjectChoice = { readonly identifier: string } | { readonly pseudonym: string } | undefined

const MAX_IDENTIFIER_LENGTH = 128
const PSEUDONYM = /^P-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/

/** @throws AuditCommandError audit_arguments_invalid; what the system says about the file */
export async function readSubject(values: SubjectValues, io: AuditIo): Promise<SubjectChoice> {
  const { 'subject-stdin': fromInput = false, 'subject-file': file, pseudonym } = values
  const ways = [fromInput, file !== undefined, pseudonym !== undefined].filter(Boolean).length
  if (ways > 1) throw invalid('one way to name a subject at a time')
  if (pseudonym !== undefined) {
    const written = pseudonym.toUpperCase()
    if (!PSEUDONYM.test(written)) throw invalid('--pseudonym')
    return { pseudonym: written }
  }
  if (ways === 0) return undefined
  const bytes = file === undefined ? await io.readInput() : io.readFile(file)
  return { identifier: identifierIn(bytes) }
}

/** In the form in which the API takes subjects: one line, Unicode NFC, no space at either end. */
function identifierIn(bytes: Uint8Array): string {
  const text = decode(bytes).trim().normalize('NFC')
  const isOne = text.length > 0 && text.length <= 2 * MAX_IDENTIFIER_LENGTH && !/[\p{C}\p{Zl}\p{Zp}]/u.test(text)
  if (!isOne) throw invalid('the subject must be one line of text')
  return text
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new AuditCommandError('audit_arguments_invalid', { cause, about: 'the subject must be UTF-8' })
  }
}

/** A subject of which nothing was recorded has no pseudonym; the empty one belongs to nobody. */
export function pseudonymOf(choice: SubjectChoice, log: AuditLog): string | undefined {
  if (choice === undefined) return undefined
  return 'pseudonym' in choice ? choice.pseudonym : (log.pseudonymOf(choice.identifier) ?? '')
}

function invalid(about: string): AuditCommandError {
  return new AuditCommandError('audit_arguments_invalid', { about })
}
