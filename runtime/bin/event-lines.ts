/** One event of a stream (HTML, server-sent events). */
export interface StreamEvent {
  readonly type: string
  readonly data: string
  /** What is named as Last-Event-ID to go on behind it; empty before the first. */
  readonly lastId: string
}

/** An event that grows beyond this ends the stream: memory is not the sender's. */
export const MAX_EVENT_CHARACTERS = 1024 * 1024

/**
 * Reads text/event-stream in pieces of any size (HTML, 9.2.6).
 * @param pieces decoded text
 * @returns ends early, with `undefined`, at an event that is too large
 */
export async function* streamEvents(
  pieces: AsyncIterable<string>,
  lastId = '',
): AsyncGenerator<StreamEvent | undefined, void> {
  let id = lastId
  let rest = ''
  let fields: [name: string, value: string][] = []
  let size = 0
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines.map((each) => (each.endsWith('\r') ? each.slice(0, -1) : each))) {
      size += line.length
      if (line !== '') fields.push(fieldOf(line))
      if (size > MAX_EVENT_CHARACTERS) break
      if (line !== '') continue
      id = fields.findLast(([name]) => name === 'id')?.[1] ?? id
      const data = fields.filter(([name]) => name === 'data').map(([, value]) => value)
      const type = fields.findLast(([name]) => name === 'event')?.[1] ?? 'message'
      if (data.length > 0) yield { type, data: data.join('\n'), lastId: id }
      fields = []
      size = 0
    }
    if (size + rest.length > MAX_EVENT_CHARACTERS) return yield undefined
  }
}

/** A line without a colon is a name alone; one that begins with a colon is a comment, which has no name. */
function fieldOf(line: string): [name: string, value: string] {
  const colon = line.indexOf(':')
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')]
}
