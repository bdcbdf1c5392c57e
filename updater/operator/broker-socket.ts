import { isIP } from 'node:net'
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { PacketGuard } from '../../device/outbound/packet-guard.ts'
import type { Log } from '../../device/platform/log.ts'
import { type FleetConfig, type FleetTrust, readPem } from './config.ts'

const DEFAULT_PORT = 8883

/**
 * TLS to the broker, with both certificates asked for, and with the files as they lie on disk now: a certificate that was renewed is
 * shown at the next connection. What the broker sends is looked over before the library reads it.
 */
export function openBrokerSocket(config: FleetConfig, trust: FleetTrust, maxPacketBytes: number, log: Log): TLSSocket {
  const { hostname, port } = new URL(config.broker)
  const host = hostname.replace(/^\[|\]$/g, '')
  // How fast a fleet speaks is bounded by how fast it is read; a packet's length is bounded here.
  const guard = new PacketGuard(maxPacketBytes, Number.POSITIVE_INFINITY)
  const socket = connect({
    host,
    port: port === '' ? DEFAULT_PORT : Number(port),
    secureContext: currentContext(config, trust, log),
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    ...(isIP(host) === 0 ? { servername: host } : {}),
  })
  // Registered before the library's own listener, so that it sees a chunk only after the guard has.
  socket.on('data', (chunk: Buffer) => {
    if (socket.destroyed || guard.accepts(chunk, 0)) return
    log.error('broker_hostile')
    socket.destroy()
  })
  return socket
}

/** Files that do not fit together, as between the two halves of a renewal, leave what was read at start. */
function currentContext(config: FleetConfig, trust: FleetTrust, log: Log): SecureContext {
  try {
    return contextOf({
      authority: readPem(config.authority),
      certificate: readPem(config.certificate),
      key: readPem(config.key),
    })
  } catch {
    log.warn('certificate_unusable')
    return contextOf(trust)
  }
}

function contextOf({ authority, certificate, key }: Omit<FleetTrust, 'devices'>): SecureContext {
  return createSecureContext({ ca: authority, cert: certificate, key, minVersion: 'TLSv1.3' })
}
