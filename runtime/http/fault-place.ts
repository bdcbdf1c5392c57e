const FRAME = /([A-Za-z0-9._-]+\.(?:ts|js|mjs|cjs)):(\d+):\d+\)?$/m
const BUILT_IN: ReadonlySet<string> = new Set(['Error', 'TypeError', 'RangeError', 'SyntaxError', 'ReferenceError'])

/**
 * Where an unknown fault came from, for the log: the class and the first line of code of its stack. The message is cut
 * off whole before the stack is read, because it may quote what was sent.
 */
export function placeOfFault(error: unknown): { kind?: string; file?: string; line?: number } {
  if (!(error instanceof Error)) return {}
  const kind = BUILT_IN.has(error.constructor.name) ? error.constructor.name : 'other'
  const stack = typeof error.stack === 'string' ? error.stack : ''
  const head = stack.indexOf(error.message)
  if (head === -1) return { kind }
  const frame = FRAME.exec(stack.slice(head + error.message.length))
  if (frame === null) return { kind }
  return { kind, file: frame[1] ?? '', line: Number(frame[2]) }
}
