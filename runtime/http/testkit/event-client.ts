import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { pause, type TestClient } from './client.ts'

/** A reader of server-sent events that keeps what it was sent as text. */
export class EventClient {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly response: IncomingMessage
  text = ''
  isOver = false

  constructor(response: IncomingMessage) {
    this.response = response
    this.status = response.statusCode ?? 0
    this.headers = response.headers
    response.setEncoding('utf8')
    response.on('error', () => {})
    response.on('close', () => {
      this.isOver = true
    })
  }

  /** Begins to take what is sent. */
  read(): this {
    this.response.on('data', (part: string) => {
      this.text += part
    })
    return this
  }

  events(name: string): { readonly id: string | undefined; readonly data: Record<string, unknown> }[] {
    return this.text.split('\n\n').flatMap((block) => {
      const lines = new Map(
        block.split('\n').map((line) => [line.split(': ', 1)[0], line.slice(line.indexOf(': ') + 2)]),
      )
      if (lines.get('event') !== name) return []
      return [{ id: lines.get('id'), data: JSON.parse(lines.get('data') ?? '{}') as Record<string, unknown> }]
    })
  }

  async until(isThere: () => boolean, untilMs = 5000): Promise<boolean> {
    const end = performance.now() + untilMs
    while (!isThere() && performance.now() < end) await pause(5)
    return isThere()
  }

  close(): void {
    this.response.destroy()
  }
}

export function openEvents(client: TestClient, headers: Record<string, string> = {}): Promise<EventClient> {
  return new Promise((resolve, reject) => {
    const sent = request({ ...client.tls, path: '/v1/events', headers, agent: false } as object, (response) => {
      resolve(new EventClient(response))
    })
    sent.on('error', reject)
    sent.end()
  })
}
