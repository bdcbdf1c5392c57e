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
  whoAmIAnswerSchema,
} from './contract.ts'
import { liveDecisionSchema } from './contract-live.ts'
import { modelDetailSchema, modelJobSchema, modelJobsSchema, modelStoreSchema } from './contract-models.ts'
import { type ErrorCode, statusOf } from './error-map.ts'
import { examples } from './openapi-examples.ts'
import { imageContents, imageParameters } from './openapi-images.ts'
import {
  cancelRequestSchema,
  changeRequestSchema,
  decisionRequestSchema,
  feedbackRequestSchema,
  imageRequestSchema,
  installRequestSchema,
} from './request-schemas.ts'
import {
  everyRouteErrors,
  type PathName,
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
  ModelDetail: modelDetailSchema,
  ModelStore: modelStoreSchema,
  ModelJobs: modelJobsSchema,
  ModelJob: modelJobSchema,
  ChangeRequest: changeRequestSchema,
  InstallRequest: installRequestSchema,
  CancelRequest: cancelRequestSchema,
  HealthAnswer: healthAnswerSchema,
  DeviceAnswer: deviceAnswerSchema,
  WhoAmIAnswer: whoAmIAnswerSchema,
  LiveDecision: liveDecisionSchema,
  ErrorAnswer: errorAnswerSchema,
} as const

type ComponentName = keyof typeof components
type Json = { readonly [name: string]: unknown }

const UUID = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
const NAME = '^[a-z][a-z0-9-]{0,63}$'

const bodies: Readonly<Record<RouteName, { request?: ComponentName; answer?: ComponentName }>> = {
  createDecision: { request: 'DecisionRequest', answer: 'DecisionAnswer' },
  readDecision: { answer: 'DecisionReadAnswer' },
  readOutput: {},
  readImage: {},
  giveFeedback: { request: 'FeedbackRequest', answer: 'FeedbackAnswer' },
  listModels: { answer: 'ModelsAnswer' },
  readModel: { answer: 'ModelDetail' },
  readModelStore: { answer: 'ModelStore' },
  listModelJobs: { answer: 'ModelJobs' },
  readModelJob: { answer: 'ModelJob' },
  changeModel: { request: 'ChangeRequest', answer: 'ModelJob' },
  cancelModelJob: { request: 'CancelRequest', answer: 'ModelJob' },
  readHealth: { answer: 'HealthAnswer' },
  readDevice: { answer: 'DeviceAnswer' },
  readContract: {},
  whoAmI: { answer: 'WhoAmIAnswer' },
  watchEvents: { answer: 'LiveDecision' },
  readPage: {},
  readPageFile: {},
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
      [route.success ?? 200]: { description: 'Done.', headers, content: answerOf(answer, route) },
      ...errorResponses(name),
    },
  }
}

function parametersOf(route: Route): Json {
  const names = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name as PathName)
  const inPath = names.map((name) => pathParameters[name])
  const parameters = [...inPath, ...(route.takesImages === true ? imageParameters : [])]
  return parameters.length === 0 ? {} : { parameters }
}

function contentOf(request: ComponentName, { takesImages, takesRelease }: Route): Json {
  return {
    ...json(request),
    ...(takesImages === true ? imageContents : {}),
    ...(takesRelease === true ? releaseContent : {}),
  }
}

function answerOf(answer: ComponentName | undefined, { media }: Route): Json {
  if (media !== undefined) {
    const contentSchema = answer === undefined ? {} : { contentSchema: reference(answer) }
    return { [media]: { schema: { type: 'string', contentMediaType: media, ...contentSchema } } }
  }
  return answer === undefined ? openContent : json(answer)
}

const pathParameters: Readonly<Record<PathName, Json>> = {
  id: inPath('id', 'The id of a decision: a UUID in lower case.', UUID),
  name: inPath('name', 'The name of an output of role `segmentation`.', NAME),
  slot: inPath('slot', 'A slot of GET /v1/models.', NAME),
  job: inPath('job', 'The id of a job.', '^[0-9a-f]{16}$'),
  file: inPath('file', 'A file that the page names.', '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'),
}

function inPath(name: PathName, description: string, pattern: string): Json {
  return { name, in: 'path', required: true, description, schema: { type: 'string', pattern } }
}

const headers = {
  'x-request-id': { description: 'Finds the request in the log of the box.', schema: { type: 'string' } },
}
const retryHeaders = { ...headers, 'retry-after': { description: 'Seconds.', schema: { type: 'integer' } } }
const openContent = { 'application/json': { schema: { type: 'object' } } }

const file = { type: 'string', contentMediaType: 'application/octet-stream' }

/** A release, as a form of files. */
const releaseContent: Json = {
  'multipart/form-data': {
    schema: {
      type: 'object',
      description: 'The part `request` comes first; the files of the release follow in any order, each once.',
      required: ['request', 'package', 'image', 'grant'],
      properties: { request: reference('InstallRequest'), package: file, image: file, grant: file },
    },
    encoding: { request: { contentType: 'application/json' } },
  },
}

function reference(name: ComponentName): Json {
  return { $ref: `#/components/schemas/${name}` }
}

function json(...names: ComponentName[]): Json {
  const refs = names.map(reference)
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
