import { type Clock, systemClock } from '../../../../device/platform/clock.ts'
import { createLog } from '../../../../device/platform/log.ts'
import { createAccessRecorder } from '../../../access/access-recorder.ts'
import { ConnectionTable } from '../../../http/connection-table.ts'
import { defaultLimits } from '../../../http/limits.ts'
import { RequestBudget } from '../../../http/request-budget.ts'
import type { TestSite } from '../../../http/testkit/certificates.ts'
import { FakeLedger } from '../../../http/testkit/fakes.ts'
import type { GrpcLimits } from '../grpc/limits.ts'
import { createGrpcServer } from '../grpc/server.ts'
import type { OipLimits } from '../limits.ts'
import type { OipBox } from './oip-box.ts'

export interface GrpcBox {
  readonly port: number
  readonly ledger: FakeLedger
  readonly logLines: string[]
  /** Writes what was counted so far. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** The gRPC server as the runtime puts it together: with the budget and the table of connections of the HTTP server. */
export async function startGrpc(
  site: TestSite,
  box: OipBox,
  options: {
    limits?: Partial<OipLimits & GrpcLimits>
    isRevoked?: (fingerprint: string) => boolean
    clock?: Clock
  } = {},
): Promise<GrpcBox> {
  const ledger = new FakeLedger()
  const logLines: string[] = []
  const clock = options.clock ?? systemClock
  const log = createLog(clock, (line) => void logLines.push(line))
  const recorder = createAccessRecorder({ ledger, clock, log })
  const httpLimits = { ...defaultLimits, maxInFlightBytes: 64 * 1024 * 1024 }
  const server = createGrpcServer({
    tls: { key: site.server.key, certificate: site.server.cert, clientAuthority: site.authority.certificatePem },
    adapter: box.adapter,
    recorder,
    budget: new RequestBudget(httpLimits, clock),
    connections: (shed) => new ConnectionTable(httpLimits, shed),
    clock,
    log,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.isRevoked === undefined ? {} : { isRevoked: options.isRevoked }),
  })
  const port = await server.listen({ host: '127.0.0.1', port: 0 })
  const close = async () => {
    await server.close()
    await recorder.close()
  }
  return { port, ledger, logLines, flush: () => recorder.flush(true), close }
}
