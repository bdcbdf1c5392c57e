/**
 * The one base of every error the product raises. A room keeps its codes in its own `errors.ts` as a table
 * of code → message; the message is fixed text, so nothing that was sent can leak through it.
 */
export interface WardstoneErrorOptions {
  readonly cause?: unknown
  /** Names from signed data or configuration (an input's name, a file's role), never values that were sent. */
  readonly about?: string
  /** How long a caller should wait before trying again, in milliseconds. */
  readonly retryAfterMs?: number
}

export class WardstoneError<Code extends string = string> extends Error {
  readonly code: Code
  readonly about: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(code: Code, message: string, options: WardstoneErrorOptions = {}) {
    const text = options.about === undefined ? message : `${message} (${options.about})`
    super(text, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.about = options.about
    this.retryAfterMs = options.retryAfterMs
  }
}

/** A room's table: code → what happened and what to do, in one sentence free of anything that was sent. */
export type ErrorTable = Readonly<Record<string, string>>

export function isWardstoneError(error: unknown): error is WardstoneError {
  return error instanceof WardstoneError
}

/** The code of any thrown thing; what is not ours is `internal`. */
export function errorCode(error: unknown): string {
  return isWardstoneError(error) ? error.code : 'internal'
}
