import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { type AccessRecorder, createAccessRecorder } from './access/access-recorder.ts'
import { createRevocationList } from './access/revocation.ts'
import type { LedgerHandle } from './audit/ledger.ts'
import { type RuntimeConfig, uploadsFolderOf } from './config.ts'
import { describeModel } from './decisions/model-detail.ts'
import type { DecisionService } from './decisions/service-types.ts'
import type { Slot } from './decisions/types.ts'
import { RuntimeError } from './errors.ts'
import { ConnectionTable } from './http/connection-table.ts'
import { defaultLimits, uploadLimitsOf } from './http/limits.ts'
import { ReleaseFolders } from './http/release-folders.ts'
import { RequestBudget } from './http/request-budget.ts'
import { type ApiServerOptions, createApiServer } from './http/server.ts'
import { openUpdaterLink, type UpdaterLink } from './http/updater-link.ts'
import { OipAdapter } from './ingress/oip/adapter.ts'
import { createGrpcServer } from './ingress/oip/grpc/server.ts'
import { oipProtocol } from './ingress/oip/routes.ts'
import { InferenceStatistics } from './ingress/oip/statistics.ts'
import { RELEASE } from './release.ts'
import type { SiteFiles } from './site-files.ts'

/** The web pages as they are built beside this code; where they have not been, the box has none. */
const PAGES = fileURLToPath(new URL('../web-ui/dist', import.meta.url))
/** Of one client on the port of gRPC: tensors come as they are, and cost no parsing to speak of. */
const GRPC_SHARE = { maxInFlightBytes: 64 * 1024 * 1024, bytesPerRequest: 256 * 1024 }

/** What the listeners need of the rest of the box. */
export interface ListenerParts
  extends Pick<ApiServerOptions, 'device' | 'live' | 'clock' | 'log'>,
    Pick<ConstructorParameters<typeof ReleaseFolders>[0], 'randomness'> {
  readonly ledger: LedgerHandle
  readonly decisions: DecisionService
  readonly slots: ReadonlyMap<string, Slot>
}

export interface Listening {
  readonly url: string
  /** Host and port of gRPC; undefined when the configuration names none. */
  readonly grpc: string | undefined
}

/**
 * Opens the box to its clients: the native API with its pages, and the Open Inference Protocol beside it. All of them make their
 * decisions by one service and leave their evidence by one recorder.
 * @throws RuntimeError runtime_port_in_use | runtime_listen_failed | runtime_file_unreadable
 */
export async function startListeners(
  config: RuntimeConfig,
  files: SiteFiles,
  parts: ListenerParts,
  started: AsyncDisposableStack,
): Promise<Listening> {
  const { slots, clock, log } = parts
  const recorder = createAccessRecorder(parts)
  started.defer(() => recorder.close())
  const statistics = new InferenceStatistics(slots, clock)
  const decisions = statistics.watch(parts.decisions)
  const adapter = new OipAdapter({ decisions, statistics, slots, clock, release: RELEASE })
  const common = { ...parts, ...doorOf(config, files, parts), recorder }
  const { updater, folders } = await startModelChanges(config, files, parts, started)
  const server = createApiServer({
    ...common,
    decisions,
    describe: (slot) => describeModel(slot, slots),
    updater,
    folders,
    pages: PAGES,
    protocols: [oipProtocol(adapter)],
    limits: uploadLimitsOf(config.images),
  })
  started.defer(() => server.close())
  const grpc = await startGrpc(config, { ...common, adapter }, started)
  const url = await listen(server, config.listen)
  log.info('listening', { url, ...(grpc === undefined ? {} : { grpc }) })
  return { url, grpc }
}

/** Whom the box lets in: the same on every port. */
function doorOf(
  config: RuntimeConfig,
  files: SiteFiles,
  { clock }: ListenerParts,
): Pick<ApiServerOptions, 'tls' | 'isRevoked'> {
  const { key, certificate, clientAuthority, revoked } = config.tls
  const tls = {
    key: files.text(key),
    certificate: files.text(certificate),
    clientAuthority: files.text(clientAuthority),
  }
  return revoked === undefined ? { tls } : { tls, isRevoked: createRevocationList(files.path(revoked), clock) }
}

async function startModelChanges(
  config: RuntimeConfig,
  files: SiteFiles,
  { randomness, log }: ListenerParts,
  started: AsyncDisposableStack,
): Promise<{ readonly updater: UpdaterLink; readonly folders: ReleaseFolders }> {
  const updater = openUpdaterLink(config.updater && files.path(config.updater.control))
  started.defer(() => updater.close())
  const folders = new ReleaseFolders({ root: files.path(uploadsFolderOf(config)), updater, randomness, log })
  started.defer(() => folders.close())
  await folders.sweep()
  return { updater, folders }
}

type GrpcParts = ListenerParts &
  ReturnType<typeof doorOf> & { readonly recorder: AccessRecorder; readonly adapter: OipAdapter }

async function startGrpc(
  config: RuntimeConfig,
  parts: GrpcParts,
  started: AsyncDisposableStack,
): Promise<string | undefined> {
  if (config.oip === undefined) return undefined
  const { grpc: address } = config.oip
  const server = createGrpcServer({
    ...parts,
    budget: new RequestBudget({ ...defaultLimits, ...GRPC_SHARE }, parts.clock),
    connections: (shed) => new ConnectionTable(defaultLimits, shed),
  })
  started.defer(() => server.close())
  const port = await orRefusal(address, () => server.listen(address))
  return `${address.host}:${port}`
}

const NOT_LISTENABLE = ['EADDRNOTAVAIL', 'EACCES', 'ENOTFOUND', 'EAFNOSUPPORT']

function listen(server: FastifyInstance, address: RuntimeConfig['listen']): Promise<string> {
  // A copy: fastify writes into what it is given, and the configuration is frozen.
  return orRefusal(address, () => server.listen({ ...address }))
}

async function orRefusal<T>(address: RuntimeConfig['listen'], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const about = `${address.host}:${address.port}`
    const { code = '' } = cause as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw new RuntimeError('runtime_port_in_use', { cause, about })
    if (NOT_LISTENABLE.includes(code)) throw new RuntimeError('runtime_listen_failed', { cause, about })
    throw cause
  }
}
