import type { IncomingHttpHeaders } from 'node:http'
import type { Action } from '../access/policy.ts'
import type { Principal } from '../access/principal.ts'

/** A request that has passed the gate: connection, certificate, budget, policy, length. */
export interface ExternalCall {
  readonly caller: Principal
  readonly requestId: string
  /** The parts of the address that the template names, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  /** As it came; empty when there was none. */
  readonly body: Uint8Array
  /** Aborted when the client has left. */
  readonly signal: AbortSignal
}

export interface ExternalAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Code of a refusal that nothing has recorded yet: the server counts it. */
  readonly refused?: string
}

/** A route of a protocol that this room knows nothing of; it passes the same gate, limits and evidence as the native ones. */
export interface ExternalRoute {
  readonly method: 'GET' | 'POST'
  /** The template, with `:name` for a part; also the name of the route in logs and in the audit log. */
  readonly path: string
  readonly action: Action
  /** `own`: the decision room writes a leaf for what it answers. `counted`: one leaf per client, route and minute. */
  readonly evidence: 'own' | 'counted'
  /** Zero: the route takes no body. */
  readonly maxBodyBytes: number
  /** What a body may be, uncompressed; a body without a type is let through. */
  readonly mediaTypes: readonly string[]
  /** What it throws is a fault of the box, logged under the request id. */
  handle(call: ExternalCall): Promise<ExternalAnswer>
}

/** What the gate knows of a refusal. */
export interface RefusalFacts {
  readonly about?: string | null | undefined
  /** The fixed text of the code. */
  readonly message?: string
  readonly retryAfterMs?: number | undefined
}

export interface ExternalProtocol {
  /** Addresses that begin so are refused in the words of this protocol, also where they have no route. */
  readonly prefixes: readonly string[]
  readonly routes: readonly ExternalRoute[]
  /** What the gate refused, in the shape of this protocol. */
  refusal(code: string, facts: RefusalFacts, status: number): ExternalAnswer
}

/** The protocol that an address belongs to. */
export function protocolOf(url: string, protocols: readonly ExternalProtocol[]): ExternalProtocol | undefined {
  const [path = ''] = url.split('?', 1)
  return protocols.find(({ prefixes }) => prefixes.some((prefix) => path === prefix || path.startsWith(`${prefix}/`)))
}
