import { Socket } from 'node:net'
import { FrameReader, orderLimits } from './frames.ts'
import { CHANNEL_FD, encodeFromWorker, type FromWorker, readToWorker, type ToWorker } from './protocol.ts'
import type { WorkerPort } from './worker-process.ts'

/**
 * The inside of the channel: hands each message to `serve`, sends its answer, and calls `closed` when the other side
 * is gone or speaks another language.
 */
export function openPort(serve: (port: WorkerPort) => (message: ToWorker) => Promise<void>, closed: () => void): void {
  let reader = new FrameReader(orderLimits)
  const handle = serve({ send: (message) => void socket.write(encoded(message)) })
  // One buffer of our own, wiped after each read: the first message brings the content key, the others patients' data.
  const onread = {
    buffer: new Uint8Array(64 * 1024),
    callback: (bytes: number, buffer: Uint8Array) => {
      const chunk = buffer.subarray(0, bytes)
      const frame = reader.push(chunk)
      chunk.fill(0)
      if (frame === 'incomplete') return true
      reader = new FrameReader(orderLimits)
      const message = frame === 'broken' ? undefined : readToWorker(frame)
      if (message === undefined) closed()
      else void handle(message)
      return true
    },
  }
  const socket = new Socket({ fd: CHANNEL_FD, readable: true, writable: true, onread })
  socket.on('error', closed)
  socket.on('end', closed)
  socket.on('close', closed)
}

function encoded(message: FromWorker): Buffer {
  const frame = encodeFromWorker(message)
  if (frame !== undefined) return frame
  // Only outputs can be too large, and this is not.
  const id = message.kind === 'result' ? message.id : 0
  return encoded({ kind: 'run-failed', id, reason: 'failed' })
}
