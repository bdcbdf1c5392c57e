import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isAllowed } from '../access/policy.ts'
import { roles } from '../access/principal.ts'
import { type Route, routeNames, routes } from './routes.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import type { TestClient } from './testkit/client.ts'
import { askRoute } from './testkit/route-requests.ts'
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

describe('every role on every route', () => {
  for (const role of roles) {
    for (const name of routeNames) {
      const route: Route = routes[name]
      const allowed = isAllowed(role, route.action)
      it(`${role} ${allowed ? 'may' : 'may not'} ${route.method} ${route.path}`, async () => {
        const reply = await askRoute(clients.get(role)!, name)
        expect(reply.status).toBe(allowed ? (route.success ?? 200) : 403)
        if (!allowed) expect(reply.code).toBe('access_denied')
      })
    }
  }
})
