import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, lstatSync, readlinkSync } from 'node:fs'
import { createRequire, getCompileCacheDir } from 'node:module'
import { totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Openings } from './provider-site.ts'
import { MAX_PROFILE_BYTES } from './session-profile.ts'
import type { IsolationReport } from './types.ts'
import type { UnitOrder } from './unit-channel.ts'
import type { UnitCall } from './unit-child.ts'

/**
 * Private writable memory that Node and its addon take before any model: most of it is V8's reserved code range.
 * RLIMIT_DATA counts reservations, so the ceiling of a process is this and what the model may take.
 */
export const processDataBytes = 768 * 1024 * 1024
/** Stack and heap arena of one more thread. */
const threadDataBytes = 16 * 1024 * 1024

/**
 * What a GPU's driver and libraries map beside that: their code, pinned buffers and tables. An allowance, not measured on
 * any GPU; docs/performance.md says so.
 */
const gpuDataBytes = 8 * 1024 * 1024 * 1024
/** Not below /tmp: a checkout may lie there, and its paths would be mixed up with this one in Node's permissions. */
const PROFILE_FOLDER = '/profile'
/** In a unit: memory of its own, mounted over an empty folder that every system has (systemd/units/wardstone-worker@.service). */
const UNIT_PROFILE_FOLDER = '/mnt'
/** Where systemd listens for us on an appliance (systemd/units). */
const modelUnitSocket = '/run/wardstone/workers/model.sock'
export const imageUnitSocket = '/run/wardstone/workers/image.sock'
const MAX_DESCRIPTORS = 64
/** A driver opens its devices many times over. */
const MAX_GPU_DESCRIPTORS = 1024
/** Read by Vulkan's and CUDA's libraries to find a GPU and their own settings. */
const gpuFolders = ['/sys/devices', '/sys/bus/pci', '/sys/class/drm', '/sys/dev/char', '/sys/module/nvidia']
const gpuData = [
  '/usr/share/vulkan',
  '/usr/share/nvidia',
  '/usr/share/libdrm',
  '/usr/share/drirc.d',
  '/usr/share/glvnd',
]

/** Of the machine's memory, what one model may ask for unless the configuration says otherwise. */
const MEMORY_SHARE = 0.5

const PROBE_TIMEOUT_MS = 10_000
const root = fileURLToPath(new URL('../..', import.meta.url))

/** What runs behind the walls, and what it reads of the installation: nothing else is there. */
export interface Tenant {
  /** Module that the process runs. */
  readonly entry: string
  /** Files and folders of our own code, from the root of the installation. */
  readonly sources: readonly string[]
  /** Packages beside it. */
  readonly packages: readonly string[]
  /** Where systemd starts one in a unit of its own, if anywhere. */
  readonly unitSocket?: string
}

/** What a model's worker reads of our own code. */
const sources = [
  'package.json',
  'device/crypto',
  'device/platform',
  'models/contract',
  'models/onnx/errors.ts',
  'models/onnx/external-data.ts',
  'models/onnx/plain-names.ts',
  'models/onnx/randomise.ts',
  'models/onnx/small-draw.ts',
  'models/onnx/tree-coalitions.ts',
  'models/onnx/tree-ensemble.ts',
  'models/onnx/tree-graph.ts',
  'models/onnx/wire.ts',
  'models/package',
  'runtime/inference',
  'runtime/bin/inference-worker.ts',
]

export interface WorkerCommand {
  /** With it, nothing is spawned: the process is asked for at the socket of a unit, and the rest is empty. */
  readonly unit?: UnitCall
  readonly file: string
  readonly args: readonly string[]
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
}

/** The walls found on this machine, and how to start a process behind them. */
export interface Isolation {
  readonly report: IsolationReport
  /** A folder inside that only this process sees and may write a profile to; null: none. */
  readonly profileFolder: string | null
  /** @param entry module to run, below one of the folders it may read; the tenant's own unless a test probes the walls. */
  command(entry?: string): WorkerCommand
}

export const workerEntry = join(root, 'runtime/bin/inference-worker.ts')

/** The worker of a model: onnxruntime's addon and its JavaScript half. */
export const modelWorker: Tenant = {
  entry: workerEntry,
  sources,
  packages: ['onnxruntime-node', 'onnxruntime-common'],
  unitSocket: modelUnitSocket,
}

/** The ceiling on what one package may ask for, in bytes: a share of the memory that this machine, or our part of it, has. */
export function defaultMaxMemoryBytes(): number {
  return Math.floor(MEMORY_SHARE * availableMemoryBytes())
}

/** The memory that this machine, or our part of it, has. */
export function availableMemoryBytes(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/** What a worker would be walled off with on this machine now. It starts processes and blocks: ask once, not per request. */
export function isolationProbe(memoryLimitBytes = 0, threads = 1): IsolationReport {
  return findIsolation(memoryLimitBytes, threads).report
}

/**
 * Finds the strongest walls that work here by starting a process behind each in turn, the strongest first; blocks for
 * some ten milliseconds. `level` skips stronger ones. Units are there when their socket is: what starts in one looks around itself
 * first, and does not run a model without its walls.
 * @param openings what the process is shown of a GPU; nothing when the processor runs the model
 * @param tenant what runs inside: a model's worker unless it is said otherwise
 */
export function findIsolation(
  modelBytes: number,
  threads: number,
  level: IsolationReport['level'] = 'systemd',
  openings: Openings = { devices: [], folders: [] },
  tenant: Tenant = modelWorker,
): Isolation {
  const usesGpu = openings.devices.length > 0
  const dataBytes = modelBytes + processDataBytes + threads * threadDataBytes + (usesGpu ? gpuDataBytes : 0)
  const descriptors = usesGpu ? MAX_GPU_DESCRIPTORS : MAX_DESCRIPTORS
  if (level === 'systemd' && tenant.unitSocket !== undefined && isAsking(tenant.unitSocket))
    return unitIsolation({ socket: tenant.unitSocket, dataBytes, descriptors })
  const bubblewrap = findProgram('bwrap')
  if (level !== 'plain' && bubblewrap !== undefined) {
    // Files go to a small memory of its own and nowhere else; see bubblewrapArguments.
    const limits = findLimits(dataBytes, descriptors, MAX_PROFILE_BYTES)
    for (const privileges of [['--unshare-user', '--disable-userns'], []]) {
      const prefix = [...limits.prefix, bubblewrap, ...privileges, ...bubblewrapArguments(openings, tenant)]
      if (starts(prefix)) return bubblewrapIsolation(prefix, limits.memoryLimitBytes, tenant)
    }
  }
  return plainIsolation(findLimits(dataBytes, descriptors, 0), plainReason(level, bubblewrap), tenant)
}

function unitIsolation(unit: UnitCall): Isolation {
  const reason = 'a unit of its own: no network, no capabilities, a user that exists for it alone'
  const report: IsolationReport = { level: 'systemd', networkIsolated: true, memoryLimitBytes: unit.dataBytes, reason }
  return { report, profileFolder: UNIT_PROFILE_FOLDER, command: () => ({ unit, file: '', args: [], env: {} }) }
}

/** A socket that somebody stands behind, and that is for us. */
function isAsking(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return lstatSync(path).isSocket()
  } catch {
    return false
  }
}

/**
 * What is started inside a unit, whose walls systemd has built: under the limits of this one model. Nothing is tried out: without
 * its limits it does not start. Should the process that starts it be gone, systemd ends what is left of the unit.
 */
export function commandInUnit(tenant: Tenant, { dataBytes, descriptors }: UnitOrder): WorkerCommand {
  const prefix = ['/usr/bin/prlimit', ...limitArguments(dataBytes, descriptors, MAX_PROFILE_BYTES)]
  return nodeCommand(prefix, tenant, tenant.entry, '/tmp', UNIT_PROFILE_FOLDER)
}

function bubblewrapIsolation(prefix: readonly string[], memoryLimitBytes: number | null, tenant: Tenant): Isolation {
  const reason = 'own network, process, mount and IPC namespaces without capabilities'
  const report: IsolationReport = { level: 'bubblewrap', networkIsolated: true, memoryLimitBytes, reason }
  return {
    report,
    profileFolder: PROFILE_FOLDER,
    command: (entry = tenant.entry) => withCompiled(nodeCommand(prefix, tenant, entry, '/tmp', PROFILE_FOLDER)),
  }
}

/**
 * What Node has compiled of the same sources for this process, which halves the start of a small one. Inside it is mounted so that
 * nobody can write there: whoever could, would tell the next process what to run. Node wants to be allowed to, all the same.
 */
function withCompiled(command: WorkerCommand): WorkerCommand {
  const compiled = getCompileCacheDir()
  if (compiled === undefined) return command
  const permission = command.args.indexOf('--permission') + 1
  const args = command.args.toSpliced(permission, 0, `--allow-fs-read=${compiled}`, `--allow-fs-write=${compiled}`)
  return { ...command, args, env: { ...command.env, NODE_COMPILE_CACHE: dirname(compiled) } }
}

function plainIsolation(limits: Limits, reason: string, tenant: Tenant): Isolation {
  const prefix = [...dieWithParent(), ...limits.prefix]
  const { memoryLimitBytes } = limits
  const report: IsolationReport = { level: 'plain', networkIsolated: false, memoryLimitBytes, reason }
  return {
    report,
    profileFolder: null,
    command: (entry = tenant.entry) => nodeCommand(prefix, tenant, entry, '/nonexistent'),
  }
}

function plainReason(level: IsolationReport['level'], bubblewrap: string | undefined): string {
  if (level === 'plain') return 'asked for'
  return bubblewrap === undefined ? 'bubblewrap is not installed' : 'the system does not let bubblewrap make namespaces'
}

/** Node's own permissions are a second fence: a native addon escapes them, so they are never the wall. */
function nodeCommand(
  prefix: readonly string[],
  tenant: Tenant,
  entry: string,
  home: string,
  writable?: string,
): WorkerCommand {
  const readable = [...tenant.sources.map((path) => join(root, path)), ...packages(tenant).map(({ at }) => at)]
  const node = [
    process.execPath,
    '--disable-sigusr1',
    '--permission',
    '--allow-addons',
    ...readable.map((path) => `--allow-fs-read=${path}`),
    ...(writable === undefined ? [] : [`--allow-fs-read=${writable}`, `--allow-fs-write=${writable}`]),
    '--disable-warning=PERM0001',
    '--v8-pool-size=1',
    entry,
  ]
  const [file = process.execPath, ...args] = [...prefix, ...node]
  // The telemetry of onnxruntime's Linux build is switched off before the addon is loaded.
  return { file, args, env: { ORT_DISABLE_TELEMETRY: '1', HOME: home, TMPDIR: home } }
}

function bubblewrapArguments({ devices, folders }: Openings, tenant: Tenant): string[] {
  const readOnly = (from: string, to = from) => ['--ro-bind', from, to]
  return [
    ...['--unshare-net', '--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    // No --new-session: the launcher starts the process in a session without a terminal, and one process group for
    // all of it lets a kill reach a bubblewrap that has only just begun, before --die-with-parent holds.
    ...['--die-with-parent', '--cap-drop', 'ALL'],
    ...systemLibraries(),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...['/tmp', PROFILE_FOLDER].flatMap((path) => ['--size', String(2 * MAX_PROFILE_BYTES), '--tmpfs', path]),
    ...devices.flatMap((path) => ['--dev-bind', path, path]),
    ...(devices.length > 0 ? [...gpuFolders, ...gpuData].flatMap((path) => ['--ro-bind-try', path, path]) : []),
    ...folders.filter((path) => !isSystemFolder(path)).flatMap((path) => readOnly(path)),
    ...readOnly(process.execPath),
    ...tenant.sources.flatMap((path) => readOnly(join(root, path))),
    ...packages(tenant).flatMap(({ from, at }) => readOnly(from, at)),
    ...[getCompileCacheDir() ?? []].flat().flatMap((path) => readOnly(path)),
    ...['--remount-ro', '/dev', '--remount-ro', '/', '--chdir', '/'],
  ]
}

const systemPaths = ['/usr/lib', '/usr/lib64', '/lib', '/lib64', '/etc/ld.so.cache', '/sys/devices/system/cpu']

function isSystemFolder(path: string): boolean {
  return systemPaths.some((known) => path === known || path.startsWith(`${known}/`))
}

function systemLibraries(): string[] {
  return systemPaths.flatMap((path) => {
    if (!existsSync(path)) return []
    return lstatSync(path).isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path]
  })
}

/** Packages, seen inside where Node looks for them, wherever the installation keeps them. */
function packages(tenant: Tenant): { readonly from: string; readonly at: string }[] {
  const resolve = createRequire(import.meta.url).resolve
  return tenant.packages.map((name) => {
    const at = join('node_modules', name)
    const inside = resolve(name)
    return { from: inside.slice(0, inside.lastIndexOf(at) + at.length), at: join(root, at) }
  })
}

interface Limits {
  readonly prefix: readonly string[]
  readonly memoryLimitBytes: number | null
}

/** No core dump (it would hold weights), no file larger than a profile, few descriptors, a ceiling on private memory. */
function findLimits(dataBytes: number, descriptors: number, fileBytes: number): Limits {
  const program = findProgram('prlimit')
  if (program === undefined) return { prefix: [], memoryLimitBytes: null }
  const prefix = [program, ...limitArguments(dataBytes, descriptors, fileBytes)]
  return starts(prefix) ? { prefix, memoryLimitBytes: dataBytes } : { prefix: [], memoryLimitBytes: null }
}

function limitArguments(dataBytes: number, descriptors: number, fileBytes: number): string[] {
  return [`--data=${dataBytes}`, '--core=0', `--fsize=${fileBytes}`, `--nofile=${descriptors}`]
}

/** Without bubblewrap the kernel is asked by setpriv to end the worker with us, even when it is deep in a computation. */
function dieWithParent(): string[] {
  const program = findProgram('setpriv')
  const prefix = program === undefined ? [] : [program, '--no-new-privs', '--pdeathsig', 'KILL']
  return prefix.length > 0 && starts(prefix) ? prefix : []
}

function starts(prefix: readonly string[]): boolean {
  const [file = process.execPath, ...args] = [...prefix, process.execPath, '--version']
  const probe = spawnSync(file, args, { stdio: 'ignore', env: {}, timeout: PROBE_TIMEOUT_MS, killSignal: 'SIGKILL' })
  return probe.status === 0
}

function findProgram(name: string): string | undefined {
  return ['/usr/bin', '/bin', '/usr/local/bin'].map((folder) => join(folder, name)).find((path) => existsSync(path))
}
