import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { Aedes, type AedesOptions, type Client } from 'aedes'
import { mayPublish, maySubscribe } from './broker-access.ts'
import { DemoError } from './errors.ts'

export interface BrokerOptions {
  readonly tls: { readonly key: string; readonly certificate: string; readonly clientAuthority: string }
  /** 0 for a free one. */
  readonly port: number
}

export interface DemoBroker {
  readonly port: number
  close(): Promise<void>
}

const MAX_PENDING_MESSAGES = 1000

/**
 * The broker of the demonstration, on this machine alone: MQTT 3.1.1, a certificate from every client, and access by its common
 * name. What it holds is in memory: it forgets when it stops, and nothing may depend on it.
 * @throws DemoError demo_broker_failed
 */
export async function startBroker({ tls, port }: BrokerOptions): Promise<DemoBroker> {
  const broker = await Aedes.createBroker({ queueLimit: MAX_PENDING_MESSAGES, ...accessByCertificate() })
  broker.on('clientError', () => {})
  broker.on('connectionError', () => {})
  const { key, certificate, clientAuthority } = tls
  const server = createServer(
    { key, cert: certificate, ca: clientAuthority, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' },
    (socket) => {
      socket.on('error', () => {})
      broker.handle(socket)
    },
  )
  server.on('tlsClientError', () => {})
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
  } catch (cause) {
    broker.close()
    throw new DemoError('demo_broker_failed', { cause })
  }
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      await new Promise<void>((resolve) => broker.close(() => resolve()))
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** The name is kept from the handshake on: the last will is published when the connection, and its certificate, are gone. */
function accessByCertificate(): AedesOptions {
  const names = new WeakMap<object, string>()
  const nameOf = (client: Client | null) => (client === null ? undefined : names.get(client)) ?? ''
  return {
    // The client id is the name in the certificate, whatever was asked for: nobody ends another's session by borrowing its id.
    preConnect: (client, packet, done) => {
      packet.clientId = certificateName(client) ?? packet.clientId
      done(null, true)
    },
    authenticate: (client, _name, _password, done) => {
      const name = certificateName(client)
      if (name !== undefined) names.set(client, name)
      done(null, name !== undefined)
    },
    authorizePublish: (client, packet, done) => done(mayPublish(nameOf(client), packet.topic) ? null : refusal()),
    authorizeSubscribe: (client, subscription, done) =>
      done(null, maySubscribe(nameOf(client), subscription.topic) ? subscription : null),
  }
}

function refusal(): DemoError {
  return new DemoError('demo_broker_refused')
}

function certificateName(client: Client): string | undefined {
  const name: unknown = (client.conn as Partial<TLSSocket>).getPeerCertificate?.()?.subject?.CN
  return typeof name === 'string' && name !== '' ? name : undefined
}
