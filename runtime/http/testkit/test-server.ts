import type { AddressInfo } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { type Clock, systemClock } from '../../../device/platform/clock.ts'
import { createLog } from '../../../device/platform/log.ts'
import type { Role } from '../../access/principal.ts'
import type { HttpLimits } from '../limits.ts'
import { createApiServer } from '../server.ts'
import type { TestSite, TlsIdentity } from './certificates.ts'
import { TestClient } from './client.ts'
import { FakeDecisions, FakeDevice, FakeLedger } from './fakes.ts'

export interface TestServer {
  readonly app: FastifyInstance
  readonly port: number
  readonly decisions: FakeDecisions
  readonly device: FakeDevice
  readonly ledger: FakeLedger
  readonly logLines: string[]
  client(identity: TlsIdentity | undefined, options?: ConnectionOptions): TestClient
  as(role: Role, id?: string): Promise<TestClient>
}

/** Real durations under a wall clock that stands: what is counted by the minute must not depend on when a test runs. */
function standingClock(): Clock {
  const startMs = systemClock.nowMs()
  return { nowMs: () => startMs, monotonicMs: systemClock.monotonicMs }
}

/** The real server on a real socket, in front of a fake decision room. */
export async function startTestServer(
  site: TestSite,
  options: { limits?: Partial<HttpLimits>; clock?: Clock; isRevoked?: (fingerprint: string) => boolean } = {},
): Promise<TestServer> {
  const decisions = new FakeDecisions()
  const device = new FakeDevice()
  const ledger = new FakeLedger()
  const logLines: string[] = []
  const clock = options.clock ?? standingClock()
  const app = createApiServer({
    tls: { key: site.server.key, certificate: site.server.cert, clientAuthority: site.authority.certificatePem },
    decisions,
    device,
    ledger,
    clock,
    log: createLog(clock, (line) => logLines.push(line), 'debug'),
    limits: options.limits ?? {},
    ...(options.isRevoked === undefined ? {} : { isRevoked: options.isRevoked }),
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const client = (identity: TlsIdentity | undefined, tls?: ConnectionOptions) =>
    new TestClient(port, site.authority.certificatePem, identity, tls)
  const as = async (role: Role, id = `${role}-1`) => client(await site.client(role, id))
  return { app, port, decisions, device, ledger, logLines, client, as }
}
