import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DemoError } from './errors.ts'

export interface RuntimeProcess {
  readonly url: string
  /** Resolves with the exit code when the process ends by itself. */
  readonly ended: Promise<number | null>
  stop(): Promise<void>
}

const ENTRY = fileURLToPath(new URL('../runtime/bin/runtime.ts', import.meta.url))
const START_LIMIT_MS = 60_000

/**
 * Starts the runtime as a process of its own and waits until it answers. It runs in its own process group, so that
 * Ctrl-C reaches the demo alone and the demo stops it in order; should the demo be killed, the closing pipe stops it.
 * @throws DemoError demo_runtime_failed with the runtime's own words
 */
export async function startRuntimeProcess(
  configPath: string,
  logPath: string,
  port: number | undefined,
): Promise<RuntimeProcess> {
  const portOption = port === undefined ? [] : ['--port', String(port)]
  const child = spawn(
    process.execPath,
    ['--disable-sigusr1', ENTRY, '--config', configPath, '--stop-with-parent', ...portOption],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    },
  )
  const log = createWriteStream(logPath, { flags: 'a', mode: 0o600 })
  // Losing the log must not stop the decisions: a full disk takes the log first.
  log.on('error', () => {})
  let lastWords = ''
  child.stderr.on('data', (part: Buffer) => {
    log.write(part)
    lastWords = (lastWords + part.toString('utf8')).slice(-4000)
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const url = await firstLine(child, ended, () => lastWords)
  return { url, ended, stop: () => stopProcess(child, ended) }
}

async function firstLine(child: ChildProcess, ended: Promise<number | null>, lastWords: () => string): Promise<string> {
  const { promise: ready, resolve } = Promise.withResolvers<string>()
  let text = ''
  child.stdout?.on('data', (part: Buffer) => {
    text += part.toString('utf8')
    const match = /^ready (\S+)$/m.exec(text)
    if (match?.[1] !== undefined) resolve(match[1])
  })
  const limit = AbortSignal.timeout(START_LIMIT_MS)
  const late = new Promise<undefined>((resolveLate) => limit.addEventListener('abort', () => resolveLate(undefined)))
  const url = await Promise.race([ready, ended.then(() => undefined), late])
  if (url !== undefined) return url
  child.kill('SIGKILL')
  throw new DemoError('demo_runtime_failed', { about: reasonIn(lastWords()) })
}

/** The runtime's last line that is a sentence for people and not a log record. */
function reasonIn(words: string): string {
  const lines = words.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
  return (lines.findLast((line) => line.startsWith('runtime: ')) ?? lines.at(-1) ?? 'it did not become ready').replace(
    /^runtime: /,
    '',
  )
}

async function stopProcess(child: ChildProcess, ended: Promise<number | null>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await ended
  clearTimeout(killer)
}
