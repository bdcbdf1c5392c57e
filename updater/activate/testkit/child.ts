import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A process of ours that says "ready" on standard output. */
export class Child {
  readonly process: ChildProcess
  /** The signal or the exit code that ended it. */
  readonly ended: Promise<NodeJS.Signals | number | null>
  words = ''

  constructor(file: string, args: readonly string[], before: readonly string[] = []) {
    const entry = fileURLToPath(new URL(file, import.meta.url))
    const [command = process.execPath, ...rest] = [...before, process.execPath, entry, ...args]
    this.process = spawn(command, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
    for (const stream of [this.process.stdout, this.process.stderr])
      stream?.on('data', (part: Buffer) => {
        this.words += part.toString('utf8')
      })
    this.ended = new Promise((resolve) => this.process.on('close', (code, signal) => resolve(signal ?? code)))
  }

  /** Resolves when it says "ready", or has ended before. */
  async ready(): Promise<this> {
    let isOver = false
    void this.ended.then(() => {
      isOver = true
    })
    while (!isOver && !/^ready/m.test(this.words)) await new Promise((resolve) => setTimeout(resolve, 5))
    return this
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<NodeJS.Signals | number | null> {
    this.process.kill(signal)
    return this.ended
  }
}
