/** One event of a stream (HTML, server-sent events). */
export interface StreamEvent {
  readonly type: string
  readonly data: string
  /** The last id that the stream named up to here; what is asked for after a break begins behind it. */
  readonly lastId: string
}

/** An event that grows beyond this ends the stream: memory is not the sender's. */
export const MAX_EVENT_CHARACTERS = 4 * 1024 * 1024

/** Reads text/event-stream as it comes, in pieces of any size (HTML, 9.2.6). */
export class EventParser {
  #rest = ''
  #type = ''
  #data: string[] = []
  #size = 0
  #lastId: string

  constructor(lastId = '') {
    this.#lastId = lastId
  }

  /** @returns the events that this piece completes; undefined when one is too large */
  feed(piece: string): StreamEvent[] | undefined {
    const lines = (this.#rest + piece).split('\n')
    this.#rest = lines.pop() ?? ''
    const events: StreamEvent[] = []
    for (const line of lines) {
      const event = this.#line(line.endsWith('\r') ? line.slice(0, -1) : line)
      if (event !== undefined) events.push(event)
    }
    return this.#size + this.#rest.length > MAX_EVENT_CHARACTERS ? undefined : events
  }

  #line(line: string): StreamEvent | undefined {
    if (line === '') return this.#end()
    const colon = line.indexOf(':')
    if (colon === 0) return undefined
    const [field, value] = colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')]
    if (field === 'event') this.#type = value
    if (field === 'id' && !value.includes('\0')) this.#lastId = value
    if (field === 'data') {
      this.#data.push(value)
      this.#size += value.length
    }
    return undefined
  }

  #end(): StreamEvent | undefined {
    const [type, data] = [this.#type === '' ? 'message' : this.#type, this.#data]
    this.#type = ''
    this.#data = []
    this.#size = 0
    return data.length === 0 ? undefined : { type, data: data.join('\n'), lastId: this.#lastId }
  }
}
