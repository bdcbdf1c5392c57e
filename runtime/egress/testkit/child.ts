import { type ChildProcess, spawn } from 'node:child_process'

/** A process of ours that says "ready" on standard output. */
export class Child {
  readonly process: ChildProcess
  readonly ended: Promise<number | null>
  words = ''

  private constructor(process: ChildProcess) {
    this.process = process
    for (const stream of [process.stdout, process.stderr])
      stream?.on('data', (part: Buffer) => {
        this.words += part.toString('utf8')
      })
    this.ended = new Promise((resolve) => process.on('close', resolve))
  }

  static async start(entry: string, args: readonly string[], expects = /^ready/m): Promise<Child> {
    const child = new Child(
      spawn(process.execPath, ['--disable-sigusr1', entry, ...args], { stdio: ['pipe', 'pipe', 'pipe'] }),
    )
    await child.says(expects, 30_000)
    return child
  }

  async says(expected: RegExp, limitMs: number): Promise<void> {
    let isOver = false
    void this.ended.then(() => {
      isOver = true
    })
    for (const end = performance.now() + limitMs; performance.now() < end && !expected.test(this.words); ) {
      if (isOver) break
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    if (!expected.test(this.words)) throw new ChildFailure(this.words)
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    this.process.kill(signal)
    return this.ended
  }
}

/** The process ended or hung; the message is what it said. */
export class ChildFailure extends TypeError {}
