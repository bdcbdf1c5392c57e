import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { systemRandomness } from '../../../device/crypto/randomness.ts'
import { type Clock, systemClock } from '../../../device/platform/clock.ts'
import { createLog } from '../../../device/platform/log.ts'
import type { Role } from '../../access/principal.ts'
import { LiveDecisions } from '../../decisions/live-decisions.ts'
import type { ModelDetail } from '../../decisions/model-detail.ts'
import { examples } from '../openapi-examples.ts'
import { ReleaseFolders } from '../release-folders.ts'
import { type ApiServerOptions, createApiServer } from '../server.ts'
import type { TestSite, TlsIdentity } from './certificates.ts'
import { TestClient } from './client.ts'
import { FakeDecisions, FakeDevice, FakeLedger, FakeUpdater } from './fakes.ts'
import { pagesFolder } from './pages.ts'

export interface TestServer {
  readonly app: FastifyInstance
  readonly port: number
  readonly decisions: FakeDecisions
  readonly device: FakeDevice
  readonly ledger: FakeLedger
  readonly live: LiveDecisions
  readonly updater: FakeUpdater
  /** Where releases are laid down that are sent to it. */
  readonly uploads: string
  /** What is said of a slot. */
  readonly describe: { on: (slot: string) => unknown }
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
  options: Partial<Pick<ApiServerOptions, 'limits' | 'clock' | 'isRevoked' | 'protocols' | 'pages'>> = {},
): Promise<TestServer> {
  const logLines: string[] = []
  const clock = options.clock ?? standingClock()
  const log = createLog(clock, (line) => logLines.push(line), 'debug')
  const [decisions, device, ledger, updater] = [
    new FakeDecisions(),
    new FakeDevice(),
    new FakeLedger(),
    new FakeUpdater(),
  ]
  const live = new LiveDecisions(systemRandomness)
  const uploads = join(mkdtempSync(join(uploadsBase, 'box-')), 'uploads')
  const folders = new ReleaseFolders({ root: uploads, updater, randomness: systemRandomness, log, pollMs: 20 })
  const describe = { on: (_slot: string): unknown => examples.ModelDetail }
  const app = createApiServer({
    tls: { key: site.server.key, certificate: site.server.cert, clientAuthority: site.authority.certificatePem },
    decisions,
    device,
    ledger,
    live,
    describe: (slot) => describe.on(slot) as ModelDetail | undefined,
    updater,
    folders,
    pages: pagesFolder,
    clock,
    log,
    ...options,
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const client = (identity: TlsIdentity | undefined, tls?: ConnectionOptions) =>
    new TestClient(port, site.authority.certificatePem, identity, tls)
  const as = async (role: Role, id = `${role}-1`) => client(await site.client(role, id))
  return { app, port, decisions, device, ledger, live, updater, uploads, describe, logLines, client, as }
}

const uploadsBase = mkdtempSync(join(tmpdir(), 'wardstone-uploads-'))
process.once('exit', () => rmSync(uploadsBase, { recursive: true, force: true }))
