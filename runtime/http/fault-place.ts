import { ZodError } from 'zod'

const FRAME = /([A-Za-z0-9._-]+\.(?:ts|js|mjs|cjs)):(\d+):\d+\)?$/m
const BUILT_IN: ReadonlySet<string> = new Set(['Error', 'TypeError', 'RangeError', 'SyntaxError', 'ReferenceError'])

interface FaultPlace {
  readonly kind?: string
  readonly file?: string
  readonly line?: number
  readonly member?: string
}

/**
 * Where an unknown fault came from, for the log: the class and the first line of code of its stack; for an answer
 * outside the contract the member that is wrong. The message is cut off whole before the stack is read, because it may
 * quote what was sent.
 */
export function placeOfFault(error: unknown): FaultPlace {
  if (!(error instanceof Error)) return {}
  if (error.cause instanceof ZodError) return { member: error.cause.issues[0]?.path.join('.') || 'answer' }
  const kind = BUILT_IN.has(error.constructor.name) ? error.constructor.name : 'other'
  const stack = typeof error.stack === 'string' ? error.stack : ''
  const head = stack.indexOf(error.message)
  if (head === -1) return { kind }
  const frame = FRAME.exec(stack.slice(head + error.message.length))
  if (frame === null) return { kind }
  return { kind, file: frame[1] ?? '', line: Number(frame[2]) }
}
