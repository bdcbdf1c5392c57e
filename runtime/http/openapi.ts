import { z } from 'zod'
import { refusals } from '../../models/contract/errors.ts'
import { policy } from '../access/policy.ts'
import { roles } from '../access/principal.ts'
import {
  API_VERSION,
  decisionAnswerSchema,
  decisionReadAnswerSchema,
  deviceAnswerSchema,
  errorAnswerSchema,
  feedbackAnswerSchema,
  healthAnswerSchema,
  modelsAnswerSchema,
  refusedAnswerSchema,
} from './contract.ts'
import { type ErrorCode, statusOf } from './error-map.ts'
import { examples } from './openapi-examples.ts'
import { imageContents, imageParameters, outputParameter } from './openapi-images.ts'
import { decisionRequestSchema, feedbackRequestSchema, imageRequestSchema } from './request-schemas.ts'
import {
  everyRouteErrors,
  type Route,
  type RouteName,
  refusedDecisionErrors,
  routeNames,
  routes,
  uploadFaults,
} from './routes.ts'

const components = {
  DecisionRequest: decisionRequestSchema,
  ImageRequest: imageRequestSchema,
  FeedbackRequest: feedbackRequestSchema,
  DecisionAnswer: decisionAnswerSchema,
  RefusedAnswer: refusedAnswerSchema,
  DecisionReadAnswer: decisionReadAnswerSchema,
  FeedbackAnswer: feedbackAnswerSchema,
  ModelsAnswer: modelsAnswerSchema,
  HealthAnswer: healthAnswerSchema,
  DeviceAnswer: deviceAnswerSchema,
  ErrorAnswer: errorAnswerSchema,
} as const

type ComponentName = keyof typeof components
type Json = { readonly [name: string]: unknown }

const bodies: Readonly<Record<RouteName, { request?: ComponentName; answer?: ComponentName }>> = {
  createDecision: { request: 'DecisionRequest', answer: 'DecisionAnswer' },
  readDecision: { answer: 'DecisionReadAnswer' },
  readOutput: {},
  giveFeedback: { request: 'FeedbackRequest', answer: 'FeedbackAnswer' },
  listModels: { answer: 'ModelsAnswer' },
  readHealth: { answer: 'HealthAnswer' },
  readDevice: { answer: 'DeviceAnswer' },
  readContract: {},
}

/** The OpenAPI 3.1 document of the API, generated from the contract, the routes, the policy and the error table. */
export function openApiDocument(): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const name of routeNames) {
    const route: Route = routes[name]
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Wardstone API',
      version: API_VERSION,
      description:
        'Decisions of the models on this box. TLS 1.3 with a client certificate whose organizational unit is the role. ' +
        'Without a certificate there is no HTTP answer. Results are advisory.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ clientCertificate: [] }],
    paths,
    components: {
      securitySchemes: {
        clientCertificate: {
          type: 'mutualTLS',
          description: `Subject CN is the client’s id; exactly one OU is its role: ${roles.join(', ')}.`,
        },
      },
      schemas: schemas(),
    },
  }
}

/** The document as it is served; docs/openapi.json holds the same. */
export function openApiText(): string {
  return JSON.stringify(openApiDocument())
}

function schemas(): Json {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(components)) registry.add(schema, { id })
  const made = z.toJSONSchema(registry, { io: 'input', uri: (id) => `#/components/schemas/${id}` }).schemas
  return Object.fromEntries(Object.entries(made).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema]))
}

function operation(name: RouteName, route: Route): Json {
  const { request, answer } = bodies[name]
  const allowed = roles.filter((role) => policy[role][route.action])
  return {
    operationId: name,
    summary: route.summary,
    description: `Roles: ${allowed.join(', ')}.`,
    ...parametersOf(route),
    ...(request === undefined ? {} : { requestBody: { required: true, content: contentOf(request, route) } }),
    responses: {
      '200': { description: 'Done.', headers, content: answerOf(answer, route) },
      ...errorResponses(name),
    },
  }
}

function parametersOf(route: Route): Json {
  const inPath = [
    ...(route.path.includes(':id') ? [idParameter] : []),
    ...(route.path.includes(':name') ? [outputParameter] : []),
  ]
  const parameters = [...inPath, ...(route.takesImages === true ? imageParameters : [])]
  return parameters.length === 0 ? {} : { parameters }
}

function contentOf(request: ComponentName, { takesImages }: Route): Json {
  return { ...json(request), ...(takesImages === true ? imageContents : {}) }
}

function answerOf(answer: ComponentName | undefined, { media }: Route): Json {
  if (media !== undefined) return { [media]: { schema: { type: 'string', contentMediaType: media } } }
  return answer === undefined ? openContent : json(answer)
}

const idParameter = {
  name: 'id',
  in: 'path',
  required: true,
  description: 'The id of a decision: a UUID in lower case.',
  schema: { type: 'string', pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' },
}

const headers = {
  'x-request-id': { description: 'Finds the request in the log of the box.', schema: { type: 'string' } },
}
const retryHeaders = { ...headers, 'retry-after': { description: 'Seconds.', schema: { type: 'integer' } } }
const openContent = { 'application/json': { schema: { type: 'object' } } }

function json(...names: ComponentName[]): Json {
  const refs = names.map((name) => ({ $ref: `#/components/schemas/${name}` }))
  const example = names.length === 1 && names[0] !== undefined ? examples[names[0]] : undefined
  return {
    'application/json': {
      schema: refs.length === 1 ? refs[0] : { anyOf: refs },
      ...(example === undefined ? {} : { example }),
    },
  }
}

/** Every code that the route can answer with, by status. */
export function errorCodesOf(name: RouteName): ReadonlyMap<number, readonly ErrorCode[]> {
  const route: Route = routes[name]
  const recorded = name === 'createDecision' ? (Object.keys(refusals) as ErrorCode[]) : []
  const isOpenToAll = roles.every((role) => policy[role][route.action])
  const common = everyRouteErrors.filter((code) => !(isOpenToAll && code === 'access_denied'))
  const byStatus = Map.groupBy([...common, ...route.errors, ...recorded], statusOf)
  return new Map([...byStatus].sort(([a], [b]) => a - b))
}

function errorResponses(name: RouteName): Json {
  const entries = [...errorCodesOf(name)].map(([status, codes]) => {
    const names = [...new Set(codes)].map((code) => `\`${code}\``)
    const content = json(...shapesOf(name, codes))
    return [
      status,
      {
        description: `${names.join(', ')}.`,
        headers: status === 503 || status === 429 ? retryHeaders : headers,
        content,
      },
    ]
  })
  return Object.fromEntries(entries) as Json
}

/** A refusal that was recorded comes with its decision; a fault that kept the record from being made comes alone. */
function shapesOf(name: RouteName, codes: readonly ErrorCode[]): ComponentName[] {
  if (name !== 'createDecision') return ['ErrorAnswer']
  if (codes.every((code) => Object.hasOwn(refusals, code))) return ['RefusedAnswer']
  const recorded: readonly string[] = [...refusedDecisionErrors, ...uploadFaults]
  const isRecorded = codes.some((code) => recorded.includes(code))
  return isRecorded ? ['RefusedAnswer', 'ErrorAnswer'] : ['ErrorAnswer']
}
