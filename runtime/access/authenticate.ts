import type { PeerCertificate, TLSSocket } from 'node:tls'
import { AccessError } from './errors.ts'
import { type Principal, type Role, roles } from './principal.ts'

const CLIENT_ID = /^[A-Za-z0-9._-]{1,64}$/
/** id-kp-clientAuth, RFC 5280 §4.2.1.12. */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
/** id-kp-serverAuth. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'

/** A principal and how long its certificate speaks for it. */
export interface Identity {
  readonly principal: Principal
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/**
 * Says who stands at the other end of a connection. TLS has already proved the chain and the possession of the key;
 * this reads the name, the role and the purpose, and holds the validity again at every request, because a connection
 * can outlive its certificate.
 */
export class Authenticator {
  readonly #identities = new WeakMap<TLSSocket, Identity>()
  readonly #isRevoked: (fingerprint: string) => boolean

  /** @param isRevoked whether a certificate, by its SHA-256 in lowercase hex, has been withdrawn; asked at every request */
  constructor(isRevoked: (fingerprint: string) => boolean = () => false) {
    this.#isRevoked = isRevoked
  }

  /** @throws AccessError access_unauthenticated | access_revoked */
  authenticate(socket: TLSSocket, nowMs: number): Principal {
    const identity = this.#identities.get(socket) ?? this.#read(socket)
    if (nowMs < identity.notBeforeMs || nowMs > identity.notAfterMs) throw new AccessError('access_unauthenticated')
    if (this.#isRevoked(identity.principal.fingerprint)) throw new AccessError('access_revoked')
    return identity.principal
  }

  /** Whom a connection's certificate names, whether or not it may still speak: for evidence, never for access. */
  nameOf(socket: TLSSocket): Principal | undefined {
    try {
      return (this.#identities.get(socket) ?? this.#read(socket)).principal
    } catch {
      return undefined
    }
  }

  #read(socket: TLSSocket): Identity {
    if (!socket.authorized) throw new AccessError('access_unauthenticated')
    const identity = parseIdentity(socket.getPeerCertificate())
    this.#identities.set(socket, identity)
    return identity
  }
}

/**
 * Reads a verified client certificate: one common name, the client's id; exactly one organizational unit, its role;
 * a purpose that is a client's and not a server's. Names are compared whole: no trimming, no case folding, no first of several.
 * @throws AccessError access_unauthenticated
 */
export function parseIdentity(certificate: PeerCertificate): Identity {
  const { CN: clientId, OU: role } = (certificate.subject ?? {}) as unknown as Record<string, unknown>
  const purposes: readonly string[] = certificate.ext_key_usage ?? []
  const isForClients = purposes.includes(CLIENT_AUTH) && !purposes.includes(SERVER_AUTH)
  if (!isForClients) throw new AccessError('access_unauthenticated')
  // A name that occurs more than once comes as an array, and is refused.
  if (typeof clientId !== 'string' || !CLIENT_ID.test(clientId)) throw new AccessError('access_unauthenticated')
  if (!isRole(role)) throw new AccessError('access_unauthenticated')
  const notBeforeMs = Date.parse(certificate.valid_from)
  const notAfterMs = Date.parse(certificate.valid_to)
  if (Number.isNaN(notBeforeMs) || Number.isNaN(notAfterMs)) throw new AccessError('access_unauthenticated')
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  return { principal: { clientId, role, fingerprint, strength: 'mtls' }, notBeforeMs, notAfterMs }
}

function isRole(value: unknown): value is Role {
  return roles.some((role) => role === value)
}
