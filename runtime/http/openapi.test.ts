import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isAllowed } from '../access/policy.ts'
import { roles } from '../access/principal.ts'
import { DecisionError } from '../decisions/errors.ts'
import { InferenceError } from '../inference/errors.ts'
import { StorageError } from '../storage/errors.ts'
import { factsOf } from './error-map.ts'
import { HttpError } from './errors.ts'
import { errorCodesOf, openApiDocument, openApiText } from './openapi.ts'
import { examples } from './openapi-examples.ts'
import { type Route, type RouteName, routeNames, routes } from './routes.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import type { TestClient } from './testkit/client.ts'
import { keptImage, keptLabels } from './testkit/fakes.ts'
import { addressOf, askRoute } from './testkit/route-requests.ts'
import { startTestServer, type TestServer } from './testkit/test-server.ts'

interface Operation {
  readonly operationId: string
  readonly requestBody?: unknown
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, unknown>> }>
  >
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

const document = JSON.parse(openApiText()) as Document
const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { 'date-time': true } })
ajv.addSchema(document, 'api')

const pathOf = (route: Route) => route.path.replace(/:(\w+)/g, '{$1}')
const pointer = (text: string) => text.replaceAll('~', '~0').replaceAll('/', '~1')

/** The schema that the document promises for an answer, or undefined when it does not list the status. */
function validatorOf(route: Route, status: number) {
  const operation = document.paths[pathOf(route)]?.[route.method.toLowerCase()]
  if (operation?.responses[status] === undefined) return undefined
  const media = Object.keys(operation.responses[status].content ?? {})[0] ?? ''
  if (media !== 'application/json') return undefined
  const place = `api#/paths/${pointer(pathOf(route))}/${route.method.toLowerCase()}/responses/${status}/content/application~1json/schema`
  return ajv.compile({ $ref: place })
}

describe('the document', () => {
  it('is the one in docs/openapi.json (write it with runtime/http/bin/write-openapi.ts)', () => {
    const kept = readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')
    expect(JSON.parse(kept)).toEqual(document)
    expect(openApiDocument()).toEqual(document)
  })

  it('has a schema for every reference, and examples that follow it', () => {
    for (const name of Object.keys(document.components.schemas)) {
      const validate = ajv.compile({ $ref: `api#/components/schemas/${name}` })
      const example = examples[name as keyof typeof examples]
      expect(validate(example), `${name}: ${ajv.errorsText(validate.errors)}`).toBe(true)
    }
    const text = JSON.stringify(document)
    for (const [, name] of text.matchAll(/#\/components\/schemas\/(\w+)/g)) {
      expect(Object.keys(document.components.schemas)).toContain(name)
    }
  })

  it('refuses what the server refuses', () => {
    const validate = ajv.compile({ $ref: 'api#/components/schemas/DecisionRequest' })
    const good = examples.DecisionRequest
    const bad = [
      { ...good, subject: 'a\nb' },
      { ...good, subject: '' },
      { ...good, more: 1 },
      { ...good, purpose: 'other' },
      { ...good, inputs: { 'Heart Rate': { value: 1 } } },
      { ...good, inputs: { x: { value: 1, unit: 'a b' } } },
      { ...good, inputs: { x: [{ value: 1 }] } },
      { ...good, inputs: { x: [] } },
    ]
    for (const body of bad) expect(validate(body)).toBe(false)
  })
})

let site: TestSite
let server: TestServer
beforeAll(async () => {
  site = await createTestSite()
  server = await startTestServer(site)
})
afterAll(() => server.app.close())

describe('the document and the server', () => {
  it('have the same routes', () => {
    const documented = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    )
    const served = documented.filter((line) => {
      const [method = '', url = ''] = line.split(' ')
      return server.app.hasRoute({ method: method as 'GET', url })
    })
    expect(served).toEqual(documented)
    expect(documented.sort()).toEqual(printedRoutes(server).sort())
  })
})

/** The routes as the framework prints them: `path (METHODS)` in a tree. */
function printedRoutes({ app }: TestServer): string[] {
  const parts: string[] = []
  return app
    .printRoutes({ commonPrefix: true })
    .split('\n')
    .flatMap((line) => {
      const match = /^([│ ]*)[└├]── (\S+)(?: \((.*)\))?$/.exec(line)
      if (match === null) return []
      const depth = match[1]!.length / 4
      parts.length = depth
      parts[depth] = match[2]!
      return (match[3]?.split(', ') ?? []).map((method) => `${method} ${parts.join('')}`)
    })
}

const path = addressOf

/** What brings a route to each status that the document lists for it. */
const provocations: Readonly<Record<number, (route: Route, name: RouteName) => Promise<[number, string]>>> = {
  200: async (route, name) => send(await allowed(route), route, name),
  202: async (route, name) => send(await allowed(route), route, name),
  400: async (route, name) => send(await allowed(route), route, name, '?q=1'),
  401: async (route, name) => send(server.client(await site.device('box')), route, name),
  403: async (route, name) => {
    const role = roles.find((candidate) => !isAllowed(candidate, route.action))
    // Where every role may, another site's page still may not.
    const headers: Record<string, string> = role === undefined ? { 'sec-fetch-site': 'cross-site' } : {}
    return send(await server.as(role ?? 'bedside'), route, name, '', headers)
  },
  404: async (route, name) => {
    if (name !== 'readPage' && name !== 'readPageFile')
      return failing(new DecisionError('decision_unknown'), route, name)
    const bare = await startTestServer(site, { pages: undefined })
    const answer = await send(await bare.as('bedside'), route, name)
    await bare.app.close()
    return answer
  },
  408: async (route) => {
    const limits = { requestTimeoutMs: 300, headersTimeoutMs: 300, timeoutCheckMs: 50 }
    const impatient = await startTestServer(site, { limits })
    const client = await impatient.as(roles.find((role) => isAllowed(role, route.action)) ?? 'bedside')
    const answer = await raw(client, `${route.method} ${path(route)} HTTP/1.1\r\nHost: `)
    await impatient.app.close()
    return answer
  },
  409: (route, name) => failing(new DecisionError('image_not_kept'), route, name),
  413: async (route) => raw(await allowed(route), `${headOf(route)}Content-Length: 1048577\r\n\r\n`),
  415: async (route) => raw(await allowed(route), `${headOf(route)}Content-Encoding: br\r\nContent-Length: 1\r\n\r\n`),
  422: async (route, name) => {
    server.decisions.onDecide = async () => refused()
    return send(await allowed(route), route, name)
  },
  429: async (route, name) => {
    const limits = { maxInFlight: 0 }
    const strict = await startTestServer(site, { limits })
    const client = await strict.as(roles.find((role) => isAllowed(role, route.action)) ?? 'bedside')
    const answer = await send(client, route, name)
    await strict.app.close()
    return answer
  },
  431: async (route) => raw(await allowed(route), `${headOf(route)}X-Long: ${'x'.repeat(9000)}\r\n\r\n`),
  500: (route, name) => failing(new TypeError('x'), route, name),
  502: (route, name) => failing(new InferenceError('inference_worker_lost'), route, name),
  503: (route, name) => failing(new HttpError('server_stopping'), route, name),
  504: (route, name) => failing(new InferenceError('inference_deadline'), route, name),
  505: async (route) => raw(await allowed(route), `${route.method} ${path(route)} HTTP/1.0\r\n\r\n`),
  507: (route, name) => failing(new StorageError('storage_full'), route, name),
}

function refused() {
  const { decision, audit } = examples.RefusedAnswer
  return { decision, audit }
}

function allowed(route: Route): Promise<TestClient> {
  return server.as(roles.find((role) => isAllowed(role, route.action)) ?? 'bedside')
}

const headOf = (route: Route) =>
  `${route.method} ${path(route)} HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n`

async function raw(client: TestClient, bytes: string): Promise<[number, string]> {
  const text = await client.raw(bytes)
  return [Number(text.slice(9, 12)), text.slice(text.indexOf('\r\n\r\n') + 4)]
}

async function send(
  client: TestClient,
  _route: Route,
  name: RouteName,
  query = '',
  headers: Record<string, string> = {},
): Promise<[number, string]> {
  const { status, text } = await askRoute(client, name, query, { headers })
  return [status, text]
}

async function failing(error: Error, route: Route, name: RouteName): Promise<[number, string]> {
  const { decisions } = server
  const reject = () => Promise.reject(error)
  const fail = () => {
    throw error
  }
  Object.assign(decisions, {
    onDecide: reject,
    onRead: reject,
    onReadOutput: reject,
    onReadImage: reject,
    onFeedback: reject,
    onModels: fail,
    onHealth: fail,
  })
  server.device.onReport = fail
  server.updater.onAsk = fail
  server.describe.on = fail
  return send(await allowed(route), route, name)
}

const constants: readonly RouteName[] = ['readContract', 'whoAmI', 'watchEvents', 'readPage', 'readPageFile']

describe('real answers follow the document', () => {
  for (const name of routeNames) {
    const route: Route = routes[name]
    const statuses = [route.success ?? 200, ...errorCodesOf(name).keys()]
    // Nothing behind these routes can fail. 503 for them is seen when the server closes.
    const provoked = statuses.filter((status) => !(constants.includes(name) && (status === 500 || status === 503)))
    for (const status of provoked) {
      it(`${name} ${status}`, async () => {
        Object.assign(server.decisions, defaultAnswers())
        server.updater.onAsk = () => undefined
        server.describe.on = () => examples.ModelDetail
        server.device.onReport = () => examples.DeviceAnswer
        const provoke = provocations[status]
        expect(provoke, 'a status that no test brings about').toBeDefined()
        const [actual, text] = await provoke!(route, name)
        expect(actual).toBe(status)
        // What is not JSON has no schema: its own tests read it.
        if (status === 200 && route.media !== undefined) return expect(text.length).toBeGreaterThan(0)
        const validate = validatorOf(route, status)
        expect(validate?.(JSON.parse(text)), ajv.errorsText(validate?.errors)).toBe(true)
      })
    }
  }

  it('an error alone and a refusal with its decision are both foreseen where both can come', () => {
    const validate = validatorOf(routes.createDecision, 504)
    const facts = factsOf('inference_deadline')
    const error = { code: facts.code, message: facts.message, requestId: '0' }
    expect(validate?.({ ...refused(), error })).toBe(true)
    expect(validate?.(refused())).toBe(false)
  })
})

function defaultAnswers() {
  return {
    onDecide: async () => examples.DecisionAnswer,
    onRead: async () => examples.DecisionReadAnswer,
    onReadOutput: async () => keptLabels,
    onReadImage: async () => keptImage,
    onFeedback: async () => examples.FeedbackAnswer,
    onModels: () => examples.ModelsAnswer.models,
    onHealth: () => examples.HealthAnswer,
  }
}
