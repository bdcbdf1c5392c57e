import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { HttpLimits } from './limits.ts'

/** A TCP connection and what became of it. */
export interface Connection {
  readonly raw: Socket
  readonly address: string
  /** Undefined while the TLS handshake lasts. */
  tls: TLSSocket | undefined
  /** SHA-256 of the client certificate. */
  certificate: string
  /** Requests in work. */
  busy: number
}

type TableLimits = Pick<
  HttpLimits,
  'maxConnections' | 'maxConnectionsPerAddress' | 'maxConnectionsPerCertificate' | 'maxHandshakes'
>

/**
 * Who holds how many connections, and which one goes when there are too many. Nobody can take the places of others:
 * who has most gives first, and of these the one that has waited longest without asking anything.
 */
export class ConnectionTable {
  readonly #limits: TableLimits
  readonly #shed: (connection: Connection) => void
  /** In the order in which they came. */
  readonly #handshakes = new Map<string, Connection>()
  /** Accepted; in the order in which they last became idle. */
  readonly #accepted = new Map<string, Connection>()
  readonly #byTls = new WeakMap<object, Connection>()
  readonly #perAddress = new Map<string, number>()
  readonly #perCertificate = new Map<string, number>()

  /** @param shed closes a connection and counts it; the table has forgotten it by then */
  constructor(limits: TableLimits, shed: (connection: Connection) => void) {
    this.#limits = limits
    this.#shed = shed
  }

  /** A connection has come; its handshake begins. */
  open(raw: Socket): void {
    if (raw.remoteAddress === undefined) {
      // Gone before it was looked at.
      raw.destroy()
      return
    }
    const connection = { raw, address: raw.remoteAddress, tls: undefined, certificate: '', busy: 0 }
    const key = keyOf(raw)
    // The peer has closed and opened again from the same port, and the first close has not been told yet.
    const former = this.#handshakes.get(key) ?? this.#accepted.get(key)
    if (former !== undefined) this.#forget(key, former)
    this.#handshakes.set(key, connection)
    add(this.#perAddress, connection.address, 1)
    raw.once('close', () => this.#forget(key, connection))
    if (countOf(this.#perAddress, connection.address) > this.#limits.maxConnectionsPerAddress)
      this.#make(connection, this.#victimAt(connection))
    if (this.#handshakes.size > this.#limits.maxHandshakes) this.#make(connection, this.#handshakeVictim(connection))
  }

  /** The handshake has ended well. */
  accept(tls: TLSSocket): void {
    const key = keyOf(tls)
    const connection = this.#handshakes.get(key)
    if (connection === undefined) return
    this.#handshakes.delete(key)
    connection.tls = tls
    connection.certificate = tls.getPeerX509Certificate()?.fingerprint256 ?? ''
    this.#accepted.set(key, connection)
    this.#byTls.set(tls, connection)
    add(this.#perCertificate, connection.certificate, 1)
    const { maxConnections, maxConnectionsPerCertificate } = this.#limits
    if (countOf(this.#perCertificate, connection.certificate) > maxConnectionsPerCertificate)
      this.#make(
        connection,
        this.#idle(connection, ({ certificate }) => certificate === connection.certificate),
      )
    if (this.#accepted.size > maxConnections) this.#make(connection, this.#idleOfLargest(connection))
  }

  /** A request on a connection has begun (+1) or ended (−1). */
  work(tls: object, change: 1 | -1): void {
    const connection = this.#byTls.get(tls)
    if (connection === undefined) return
    connection.busy += change
    const key = keyOf(connection.raw)
    // To the end of the order: it is the one that was idle for the shortest time.
    if (this.#accepted.delete(key)) this.#accepted.set(key, connection)
  }

  /** Every connection, whatever it is doing. */
  *all(): Generator<Socket> {
    for (const { raw } of [...this.#handshakes.values(), ...this.#accepted.values()]) yield raw
  }

  /** Room for a newcomer: what can go goes, and where nothing can, the newcomer does. */
  #make(newcomer: Connection, victim: Connection | undefined): void {
    const gone = victim ?? newcomer
    const key = keyOf(gone.raw)
    if (this.#handshakes.get(key) !== gone && this.#accepted.get(key) !== gone) return
    this.#forget(key, gone)
    this.#shed(gone)
  }

  #victimAt(newcomer: Connection): Connection | undefined {
    const isHere = ({ address }: Connection) => address === newcomer.address
    return (
      unansweredFirst([...this.#handshakes.values()].filter((one) => one !== newcomer && isHere(one))) ??
      this.#idle(newcomer, isHere)
    )
  }

  #handshakeVictim(newcomer: Connection): Connection | undefined {
    const others = [...this.#handshakes.values()].filter((one) => one !== newcomer)
    const most = largest(others, ({ address }) => address)
    return unansweredFirst(others.filter(({ address }) => address === most))
  }

  #idle(newcomer: Connection, isMeant: (connection: Connection) => boolean): Connection | undefined {
    for (const one of this.#accepted.values()) if (one !== newcomer && one.busy === 0 && isMeant(one)) return one
    return undefined
  }

  #idleOfLargest(newcomer: Connection): Connection | undefined {
    const idle = [...this.#accepted.values()].filter((one) => one !== newcomer && one.busy === 0)
    const most = largest(idle, ({ certificate }) => certificate)
    return idle.find(({ certificate }) => certificate === most)
  }

  #forget(key: string, connection: Connection): void {
    if (this.#handshakes.get(key) === connection) this.#handshakes.delete(key)
    else if (this.#accepted.get(key) === connection) {
      this.#accepted.delete(key)
      add(this.#perCertificate, connection.certificate, -1)
    } else return
    add(this.#perAddress, connection.address, -1)
  }
}

const keys = new WeakMap<object, string>()

/** The same for a connection and for the TLS on it; kept, because a socket that has closed no longer knows its peer. */
function keyOf(socket: Socket): string {
  const known = keys.get(socket)
  if (known !== undefined) return known
  const key = `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`
  keys.set(socket, key)
  return key
}

/** One to which nothing was said yet, because it said nothing that is TLS, gives way before one in the middle of it; then the oldest does. */
function unansweredFirst(handshakes: readonly Connection[]): Connection | undefined {
  return handshakes.find(({ raw }) => raw.bytesWritten === 0) ?? handshakes[0]
}

function largest(connections: readonly Connection[], holder: (connection: Connection) => string): string | undefined {
  const counts = new Map<string, number>()
  let most: string | undefined
  for (const one of connections) {
    const name = holder(one)
    add(counts, name, 1)
    if (most === undefined || countOf(counts, name) > countOf(counts, most)) most = name
  }
  return most
}

function countOf(counts: ReadonlyMap<string, number>, name: string): number {
  return counts.get(name) ?? 0
}

function add(counts: Map<string, number>, name: string, change: number): void {
  const count = countOf(counts, name) + change
  if (count === 0) counts.delete(name)
  else counts.set(name, count)
}
