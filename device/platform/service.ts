import { isWardstoneError } from './errors.ts'
import { type ManagerEnvironment, openServiceManager } from './sd-notify.ts'

/** What every long-running process of the house does at its edges; for entries in bin/ alone. */

/** A process that a service manager, a terminal or another process has started. */
export interface Service {
  /** Resolves at the first request to stop. */
  readonly stopAsked: Promise<void>
  /** Says on standard output, and to the manager, that it serves. At most once. */
  ready(line: string): void
  /** After the last thing that was to be done in order. */
  stopped(): Promise<void>
}

/**
 * Begins the life of a long-running process: from now on a request to stop is noticed, and the manager hears that it lives
 * (sd-notify.ts).
 * @param environment that of the process
 * @param withParent also stop when standard input closes
 */
export function openService(environment: ManagerEnvironment, withParent: boolean): Service {
  const manager = openServiceManager(environment, process.pid)
  const stopAsked = stopSignal(withParent)
  void stopAsked.then(() => manager.stopping())
  return {
    stopAsked,
    ready: (line) => {
      process.stdout.write(`${line}\n`)
      manager.ready()
    },
    stopped: () => manager.close(),
  }
}

/**
 * Resolves at the first request to stop; later ones change nothing, so that stopping in order is not cut short.
 * @param withParent also when standard input closes
 */
export function stopSignal(withParent: boolean): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => resolve())
    if (withParent) process.stdin.on('close', () => resolve()).resume()
  })
}

/**
 * Says why a process could not go on, in one line on standard error.
 * @param codes exit codes of their own for some errors
 * @returns the exit code: 2 for wrong usage (of `parseArgs`), else that of the error's code, else 1
 */
export function reportFailure(name: string, error: unknown, codes: Readonly<Record<string, number>>): number {
  const isUsage = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') ?? false
  const isKnown = isWardstoneError(error)
  process.stderr.write(`${name}: ${isKnown ? `${error.message} [${error.code}]` : (error as Error).message}\n`)
  if (isUsage) return 2
  return isKnown ? (codes[error.code] ?? 1) : 1
}
