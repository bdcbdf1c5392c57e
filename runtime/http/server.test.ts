import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isAllowed } from '../access/policy.ts'
import { roles } from '../access/principal.ts'
import { examples } from './openapi-examples.ts'
import { type Route, routeNames, routes } from './routes.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import type { Reply, TestClient } from './testkit/client.ts'
import { startTestServer, type TestServer } from './testkit/test-server.ts'

let site: TestSite
let server: TestServer
const clients = new Map<string, TestClient>()

beforeAll(async () => {
  site = await createTestSite()
  server = await startTestServer(site)
  for (const role of roles) clients.set(role, await server.as(role))
})
afterAll(() => server.app.close())

const decisionId = examples.DecisionAnswer.decision.decisionId

function send(client: TestClient, route: Route): Promise<Reply> {
  const path = route.path.replace(':id', decisionId).replace(':name', 'tissue')
  if (route.body === undefined) return client.call(path)
  return client.post(path, route.path.endsWith('/feedback') ? examples.FeedbackRequest : examples.DecisionRequest)
}

describe('every role on every route', () => {
  for (const role of roles) {
    for (const name of routeNames) {
      const route: Route = routes[name]
      const allowed = isAllowed(role, route.action)
      it(`${role} ${allowed ? 'may' : 'may not'} ${route.method} ${route.path}`, async () => {
        const reply = await send(clients.get(role)!, route)
        expect(reply.status).toBe(allowed ? 200 : 403)
        if (!allowed) expect(reply.json.error?.code).toBe('access_denied')
      })
    }
  }
})
