import { systemClock } from '../../../../device/platform/clock.ts'
import type { ExternalProtocol } from '../../../http/external-protocol.ts'
import type { TestSite } from '../../../http/testkit/certificates.ts'
import { startTestServer } from '../../../http/testkit/test-server.ts'

export interface RestBox {
  readonly port: number
  /** Codes that a route left to the server to count. */
  readonly counted: string[]
  readonly logLines: readonly string[]
  close(): Promise<void>
}

/** The real HTTP server with this protocol beside its own; its budget is set so wide that tests do not meet it. */
export async function startRest(site: TestSite, protocol: ExternalProtocol): Promise<RestBox> {
  const counted: string[] = []
  const routes = protocol.routes.map((route) => ({
    ...route,
    handle: async (...[call]: Parameters<typeof route.handle>) => {
      const answer = await route.handle(call)
      if (answer.refused !== undefined) counted.push(answer.refused)
      return answer
    },
  }))
  const limits = { requestsPerSecond: 1e6, requestBurst: 1e6, maxInFlightBytes: 64 * 1024 * 1024 }
  const { app, port, logLines } = await startTestServer(site, {
    protocols: [{ ...protocol, routes }],
    limits,
    clock: systemClock,
  })
  return { port, counted, logLines, close: () => app.close() }
}
