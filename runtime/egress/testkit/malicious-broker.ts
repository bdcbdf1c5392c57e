import type { AddressInfo } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { Aedes } from 'aedes'
import type { Party } from '../../../updater/operator/testkit/fleet-certificates.ts'

/** When each copy of a message goes on, in milliseconds from now; none at all is a broker that forgets. */
export type Treatment = (topic: string, count: number) => readonly number[]

/**
 * A broker that takes every message, acknowledges it, and then does with it what the test says. It writes down every byte that
 * comes out of TLS: it is the listener on the wire.
 */
export class MaliciousBroker {
  readonly url: string
  readonly port: number
  readonly #server: Server
  readonly #aedes: Aedes
  readonly #heard: Buffer[]
  readonly #sockets: Set<TLSSocket>

  private constructor(server: Server, aedes: Aedes, heard: Buffer[], sockets: Set<TLSSocket>) {
    this.#server = server
    this.#aedes = aedes
    this.#heard = heard
    this.#sockets = sockets
    this.port = (server.address() as AddressInfo).port
    this.url = `mqtts://127.0.0.1:${this.port}`
  }

  static async start(party: Party, treat: Treatment): Promise<MaliciousBroker> {
    let count = 0
    const aedes = await Aedes.createBroker({
      authorizePublish: (_client, packet, done) => {
        if (packet.topic.endsWith('/decisions')) {
          const { topic, payload } = packet
          for (const delayMs of treat(topic, count++))
            setTimeout(
              () => aedes.publish({ cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false }, () => {}),
              delayMs,
            )
          packet.topic = 'forgotten'
        }
        done(null)
      },
    })
    aedes.on('clientError', () => {})
    aedes.on('connectionError', () => {})
    const heard: Buffer[] = []
    const sockets = new Set<TLSSocket>()
    const options = { key: party.key, cert: party.cert, ca: party.ca, requestCert: true, rejectUnauthorized: true }
    const server = createServer(options, (socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      if (socket.getPeerCertificate().subject.CN !== 'fleet') socket.on('data', (part) => heard.push(part))
      aedes.handle(socket)
    })
    server.on('tlsClientError', () => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new MaliciousBroker(server, aedes, heard, sockets)
  }

  /** Every byte that devices have sent, without TLS. */
  heard(): Buffer {
    return Buffer.concat(this.#heard)
  }

  /** Says something to all who listen, as whoever holds the broker can. */
  say(topic: string, payload: Uint8Array | string, retain = false): Promise<void> {
    const packet = { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, retain, dup: false } as const
    return new Promise((resolve) => this.#aedes.publish(packet, () => resolve()))
  }

  /** Drops every connection; who comes back is let in again. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.clear()
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise<void>((resolve) => this.#aedes.close(() => resolve()))
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}
