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
  const buffer = new Uint8Array(READ_BYTES)
  for (;;) {
    const message = readMessage(buffer)
    if (message === undefined) return
    await handle(message)
  }
}

/** The buffer is wiped after each read: the first message brings the content key, the others patients' data. */
function readMessage(buffer: Uint8Array): ToWorker | undefined {
  const reader = new FrameReader(orderLimits)
  for (;;) {
    const chunk = buffer.subarray(0, readSync(CHANNEL_FD, buffer))
    if (chunk.length === 0) return undefined
    const frame = reader.push(chunk)
    chunk.fill(0)
    if (frame === 'broken') return undefined
    if (frame !== 'incomplete') return readToWorker(frame)
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
