import type { ServerResponse } from 'node:http'
import type { LiveDecisions } from '../decisions/live-decisions.ts'
import type { EventTexts } from './event-texts.ts'

/** Said while nothing happens, so that both ends know that the line stands (HTML, server-sent events). */
const KEEP = ': keep\n\n'

/**
 * One reader of the events. It is written to as fast as it reads and no faster: what it has not taken yet stays in the ring, which
 * is there anyway, and not in a buffer of its own.
 */
export class EventStream {
  readonly #response: ServerResponse
  readonly #live: LiveDecisions
  readonly #texts: EventTexts
  readonly #mayRead: boolean
  #sequence = 0
  #shownHealth = ''
  #isFull = false
  #lastTakenMs: number

  /** @param mayRead whether this reader may see whose a decision is */
  constructor(response: ServerResponse, live: LiveDecisions, texts: EventTexts, mayRead: boolean, nowMs: number) {
    this.#response = response
    this.#live = live
    this.#texts = texts
    this.#mayRead = mayRead
    this.#lastTakenMs = nowMs
  }

  /** @param lastId what the reader says that it has seen last */
  start(lastId: string | undefined, health: () => string, now: () => number): void {
    const sequence = this.#live.find(lastId)
    this.#sequence = sequence ?? 0
    this.#response.on('drain', () => {
      this.#isFull = false
      this.#lastTakenMs = now()
      this.pump(health())
    })
    this.#write(`event: hello\ndata: ${JSON.stringify({ resumed: sequence !== undefined })}\n\n`)
    this.pump(health())
  }

  /** Writes what is new, as far as the reader takes it. */
  pump(health: string): void {
    if (!this.#isFull && health !== this.#shownHealth && health !== '') {
      this.#shownHealth = health
      this.#write(`event: health\ndata: ${health}\n\n`)
    }
    for (const event of this.#live.after(this.#sequence)) {
      if (this.#isFull) return
      this.#sequence = event.sequence
      const text = this.#texts.of(event, this.#mayRead)
      if (text !== undefined) this.#write(`id: ${this.#live.idOf(event)}\nevent: decision\ndata: ${text}\n\n`)
    }
  }

  keep(): void {
    if (!this.#isFull) this.#write(KEEP)
  }

  /** For how long this reader has taken nothing of what waits for it. */
  stalledMs(nowMs: number): number {
    return this.#isFull ? nowMs - this.#lastTakenMs : 0
  }

  end(): void {
    const { socket } = this.#response
    this.#response.end()
    // Nothing else is to come on this connection, and a reader that does not read must not hold it.
    socket?.destroySoon()
  }

  #write(text: string): void {
    this.#isFull = !this.#response.write(text)
  }
}
