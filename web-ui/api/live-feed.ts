import type { Health, LiveDecision } from './answers.ts'
import type { Answered, BoxClient, Fault } from './client.ts'
import type { StreamEvent } from './event-parser.ts'
import { followEvents, type StreamState } from './event-stream.ts'

/** What the pages know of the box at this moment. */
export interface LiveView {
  readonly stream: StreamState
  /** The last answer about health, also when a later question failed. */
  readonly health: Health | undefined
  /** Set while the newest question about health has no answer. */
  readonly healthFault: Fault | undefined
  /** When the box last answered or sent something, on the clock of this page. */
  readonly heardAtMs: number | undefined
  /** Newest first. */
  readonly decisions: readonly ShownDecision[]
}

export interface ShownDecision extends LiveDecision {
  /** Of the event: names a row, and nothing else. */
  readonly key: string
}

export const MAX_SHOWN = 200
const HEALTH_EVERY_MS = 5000
/** A burst of decisions is drawn once. */
const GATHER_MS = 150

/** Health and live decisions, from the stream where there is one, else health by asking. */
export class LiveFeed {
  readonly #client: BoxClient
  readonly #fetch: typeof fetch
  readonly #listeners = new Set<() => void>()
  readonly #stop = new AbortController()
  #view: LiveView = {
    stream: 'connecting',
    health: undefined,
    healthFault: undefined,
    heardAtMs: undefined,
    decisions: [],
  }
  #gathering: ReturnType<typeof setTimeout> | undefined
  #serial = 0

  constructor(client: BoxClient, fetchIt: typeof fetch) {
    this.#client = client
    this.#fetch = fetchIt
  }

  get view(): LiveView {
    return this.#view
  }

  /** @returns ends the subscription */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** @param watches whether this client may see events; without, health alone is asked for */
  start(watches: boolean): void {
    void this.#askHealthAgainAndAgain()
    if (!watches) {
      this.#change({ stream: 'denied' })
      return
    }
    const listener = {
      event: (event: StreamEvent) => this.#take(event),
      state: (stream: StreamState) => this.#change({ stream }),
    }
    void followEvents('/v1/events', this.#fetch, listener, this.#stop.signal)
  }

  stop(): void {
    this.#stop.abort()
    clearTimeout(this.#gathering)
  }

  async #askHealthAgainAndAgain(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const asked = await this.#client.json<Health>('/v1/health', { signal: this.#stop.signal })
      if (!this.#stop.signal.aborted) this.#noteHealth(asked)
      await new Promise((resolve) => setTimeout(resolve, HEALTH_EVERY_MS))
    }
  }

  #noteHealth({ value, fault }: Answered<Health>): void {
    if (fault !== undefined) this.#change({ healthFault: fault })
    else this.#change({ health: value, healthFault: undefined, heardAtMs: Date.now() })
  }

  #take({ type, data, lastId }: StreamEvent): void {
    const value = parsed(data)
    if (value === undefined) return
    if (type === 'hello' && (value as { resumed?: unknown }).resumed !== true) this.#change({ decisions: [] })
    if (type === 'health') this.#noteHealth({ value: value as Health })
    if (type !== 'decision') return
    this.#serial += 1
    const shown = { ...(value as LiveDecision), key: `${lastId}/${this.#serial}` }
    this.#change({ decisions: [shown, ...this.#view.decisions].slice(0, MAX_SHOWN), heardAtMs: Date.now() })
  }

  #change(part: Partial<LiveView>): void {
    this.#view = { ...this.#view, ...part }
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined
      for (const listener of this.#listeners) listener()
    }, GATHER_MS)
  }
}

function parsed(data: string): unknown {
  try {
    const value: unknown = JSON.parse(data)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
