import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import type { Party } from './fleet-certificates.ts'

/** A server that completes TLS, answers CONNECT, and then sends bytes of the test's choice. */
export async function rawBroker(
  party: Party,
  after: (socket: TLSSocket) => void,
): Promise<{ port: number; connections(): number; close(): Promise<void> }> {
  const sockets = new Set<TLSSocket>()
  let connections = 0
  const server = createServer({ key: party.key, cert: party.cert, ca: party.ca, requestCert: true }, (socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(Buffer.from([0x20, 0x03, 0x00, 0x00, 0x00]))
      after(socket)
    })
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
