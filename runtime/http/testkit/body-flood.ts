import { type ConnectionOptions, connect } from 'node:tls'
import { parentPort, workerData } from 'node:worker_threads'

interface Flood extends ConnectionOptions {
  readonly connections: number
  /** What each connection writes, again and again, and without reading what comes back. */
  readonly bytes: string
}

const { connections, bytes, ...tls } = workerData as Flood
let opened = 0

/** A thread of its own, so that the server under test is not kept busy by the one that attacks it. */
function flood(): void {
  const socket = connect(tls)
  // Not again once the connection is gone: a socket that was destroyed answers each write at once, for ever.
  const write = (error?: Error | null) => {
    if (!error && !socket.destroyed && socket.writableLength < bytes.length) socket.write(bytes, write)
  }
  socket.on('error', () => {})
  socket.on('secureConnect', () => {
    opened += 1
    if (opened === 10) parentPort?.postMessage('open')
    write()
  })
  socket.once('close', () => setTimeout(flood, 5))
}

for (let count = 0; count < connections; count += 1) flood()
