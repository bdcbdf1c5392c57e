import type { Clock } from './clock.ts'

/** What a log line may carry: numbers, flags, and short identifiers. A payload has no way in. */
export type LogField = number | boolean | string | undefined
/** What a line has of its own cannot be a field: the name of the event would be lost under it. */
export type LogFields = Readonly<Record<string, LogField>> & Partial<Readonly<Record<'at' | 'level' | 'event', never>>>
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

/** An identifier: what our own code makes (ids, codes, paths of modules, versions); free text does not pass. */
const IDENTIFIER = /^[A-Za-z0-9._:/@+-]{1,128}$/

/** Writes one JSON object per line. A string that is not an identifier is written as `[redacted]`. */
export function createLog(clock: Clock, write: (line: string) => void, minimum: LogLevel = 'info'): Log {
  const levels: LogLevel[] = ['debug', 'info', 'warn', 'error']
  const at =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}) => {
      if (levels.indexOf(level) < levels.indexOf(minimum)) return
      const shown = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, redact(field)]))
      write(`${JSON.stringify({ at: new Date(clock.nowMs()).toISOString(), level, event, ...shown })}\n`)
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

function redact(field: LogField): LogField {
  return typeof field === 'string' && !IDENTIFIER.test(field) ? '[redacted]' : field
}
