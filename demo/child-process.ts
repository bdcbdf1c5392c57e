import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { DemoError } from './errors.ts'

/** One process of the appliance, or of the fleet on its other side. */
export interface StartedProcess {
  readonly name: string
  readonly pid: number
  /** What followed `ready` on its standard output; empty for a process that says nothing more. */
  readonly readyWith: string
  /** What it had written there by then. */
  readonly words: string
  /** Resolves with the exit code when the process ends by itself. */
  readonly ended: Promise<number | null>
  stop(): Promise<void>
  /** Without warning, as power goes: SIGKILL. */
  kill(): Promise<void>
}

export interface ProcessOptions {
  /** As its own messages begin. */
  readonly name: string
  /** Path of the entry, and what follows it. */
  readonly command: readonly string[]
  readonly logPath: string
}

const START_LIMIT_MS = 60_000
const STOP_LIMIT_MS = 15_000
const READY = /^ready(?: (\S+))?$/m

/**
 * Starts a process and waits until it says it is ready. It runs in its own process group, so that Ctrl-C reaches the demo
 * alone and the demo stops it in order; should the demo be killed, the closing pipe stops it.
 * @throws DemoError demo_process_failed with the process's own words
 */
export async function startProcess({ name, command, logPath }: ProcessOptions): Promise<StartedProcess> {
  const child = spawn(process.execPath, ['--disable-sigusr1', ...command, '--stop-with-parent'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  })
  const log = createWriteStream(logPath, { flags: 'a', mode: 0o600 })
  // Losing the log must not stop the decisions: a full disk takes the log first.
  log.on('error', () => {})
  let lastWords = ''
  child.stderr.on('data', (part: Buffer) => {
    log.write(part)
    lastWords = (lastWords + part.toString('utf8')).slice(-4000)
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const said = await readyLine(child, ended)
  if (said === undefined) {
    child.kill('SIGKILL')
    throw new DemoError('demo_process_failed', { about: reasonIn(lastWords, name) })
  }
  const kill = async () => {
    child.kill('SIGKILL')
    await ended
  }
  return { name, pid: child.pid ?? 0, ...said, ended, stop: () => stopProcess(child, ended), kill }
}

/** Waits for all, also where one fails, so that whoever cleans up knows them all. @throws what the first that failed said */
export async function allStarted<T>(starting: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(starting)
  return Promise.all(starting)
}

/** @returns undefined when the process ended before, or took too long */
async function readyLine(
  child: ChildProcess,
  ended: Promise<number | null>,
): Promise<Pick<StartedProcess, 'readyWith' | 'words'> | undefined> {
  const { promise: ready, resolve } = Promise.withResolvers<Pick<StartedProcess, 'readyWith' | 'words'>>()
  let text = ''
  child.stdout?.on('data', (part: Buffer) => {
    text = (text + part.toString('utf8')).slice(-4000)
    const match = READY.exec(text)
    if (match !== null) resolve({ readyWith: match[1] ?? '', words: text })
  })
  const limit = AbortSignal.timeout(START_LIMIT_MS)
  const late = new Promise<undefined>((tooLate) => limit.addEventListener('abort', () => tooLate(undefined)))
  return Promise.race([ready, ended.then(() => undefined), late])
}

/** The last line that is a sentence for people and not a log record. */
function reasonIn(words: string, name: string): string {
  const lines = words.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
  const said = lines.findLast((line) => line.startsWith(`${name}: `)) ?? lines.at(-1)
  return said?.replace(`${name}: `, '') ?? `${name} did not become ready`
}

async function stopProcess(child: ChildProcess, ended: Promise<number | null>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
  await ended
  clearTimeout(killer)
}
