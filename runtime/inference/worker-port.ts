import { readSync, writeSync } from 'node:fs'
import { FrameReader, FrameWriter, orderLimits } from './frames.ts'
import { CHANNEL_FD, encodeFromWorker, type FromWorker, readToWorker, type ToWorker } from './protocol.ts'
import type { WorkerPort } from './worker-process.ts'

const READ_BYTES = 256 * 1024

/**
 * The inside of the channel: hands each message to `serve` and sends its answer. Returns when the other side is gone or
 * speaks another language. It blocks while it waits: this process has nothing else to do, and an event loop would only
 * make each answer later.
 */
export async function servePort(serve: (port: WorkerPort) => (message: ToWorker) => Promise<void>): Promise<void> {
  const writer = new FrameWriter()
  const handle = serve({ send: (message) => sendAll(encoded(message, writer)) })
  const inbox = new Inbox()
  for (;;) {
    const message = inbox.next()
    if (message === undefined) return
    await handle(message)
  }
}

/** What has come of the channel. Another request may have come behind the one that is read. */
class Inbox {
  readonly #buffer = new Uint8Array(READ_BYTES)
  #unread = this.#buffer.subarray(0, 0)

  /** The buffer is wiped as it is read: the first message brings the content key, the others patients' data. */
  next(): ToWorker | undefined {
    const reader = new FrameReader(orderLimits)
    for (;;) {
      if (this.#unread.length === 0) this.#unread = this.#buffer.subarray(0, readSync(CHANNEL_FD, this.#buffer))
      if (this.#unread.length === 0) return undefined
      const { outcome, taken } = reader.fill(this.#unread)
      this.#unread.fill(0, 0, taken)
      this.#unread = this.#unread.subarray(taken)
      if (outcome === 'broken') return undefined
      if (outcome !== 'incomplete') return readToWorker(outcome)
    }
  }
}

function sendAll(frame: Uint8Array): void {
  for (let sent = 0; sent < frame.length; ) sent += writeSync(CHANNEL_FD, frame, sent)
}

function encoded(message: FromWorker, writer: FrameWriter): Uint8Array {
  const frame = encodeFromWorker(message, writer)
  if (frame !== undefined) return frame
  // Only outputs can be too large, and this is not.
  const id = message.kind === 'result' ? message.id : 0
  return encoded({ kind: 'run-failed', id, reason: 'failed' }, writer)
}
