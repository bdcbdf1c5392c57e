import type { StartedProcess } from '../demo/child-process.ts'
import { SoakError } from './errors.ts'

const START_TRIES = 3

/** A process that is killed at random moments and comes back. */
export class Actor {
  readonly name: string
  kills = 0
  readonly #start: () => Promise<StartedProcess>
  #running: StartedProcess | undefined

  constructor(name: string, start: () => Promise<StartedProcess>) {
    this.name = name
    this.#start = start
  }

  /** Undefined while it is away. */
  get running(): StartedProcess | undefined {
    return this.#running
  }

  /** @throws SoakError soak_process_dead when it does not start, with what it said */
  async start(): Promise<StartedProcess> {
    for (let tries = 1; ; tries++) {
      try {
        this.#running = await this.#start()
        return this.#running
      } catch (cause) {
        if (tries < START_TRIES) continue
        throw new SoakError('soak_process_dead', { cause, about: `${this.name}: ${(cause as Error).message}` })
      }
    }
  }

  /** Kills it without warning and starts it again after a while. */
  async crash(awayMs: number): Promise<void> {
    const { running } = this
    if (running === undefined) return
    this.#running = undefined
    this.kills += 1
    await running.kill()
    await new Promise((resolve) => setTimeout(resolve, awayMs))
    await this.start()
  }

  async stop(): Promise<void> {
    const { running } = this
    this.#running = undefined
    await running?.stop()
  }
}
