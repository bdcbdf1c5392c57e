import { COMPUTED, type ImportEdge, isTestFile, type SourceFile } from './source-tree.ts'

/** Which rooms a room may import from, besides itself. The updater and the runtime never meet. */
export const roomMayImport: Readonly<Record<string, readonly string[]>> = {
  device: [],
  models: ['device'],
  updater: ['models', 'device'],
  runtime: ['models', 'device'],
}

/** Inside the runtime, imports go from a higher number to a lower one, never level and never up. */
export const runtimeLayers: Readonly<Record<string, number>> = {
  bin: 7,
  compose: 6,
  ingress: 5,
  http: 5,
  evaluation: 5,
  decisions: 4,
  images: 3,
  inference: 2,
  audit: 2,
  access: 2,
  delivery: 2,
  egress: 2,
  storage: 1,
  release: 0,
}

/** Files in runtime/ itself belong to `compose`, except these, which know nothing of the rest. */
const runtimeRootFiles: Readonly<Record<string, string>> = { 'runtime/release.ts': 'release' }

/** Level imports that are allowed all the same, each for a reason: of types, or of values where `values` says so. */
export const allowedLevelImports: readonly {
  readonly from: string
  readonly to: string
  /** Only from a pure file: the two rooms then share a schema, and no state. */
  readonly values?: true
  readonly why: string
}[] = [
  {
    from: 'runtime/audit/types.ts',
    to: 'runtime/egress/outbound.ts',
    why: 'the outbound row is written in the same transaction as the leaf; its schema belongs to egress',
  },
  {
    from: 'runtime/audit/entry.ts',
    to: 'runtime/egress/outbound.ts',
    values: true,
    why: 'the ledger refuses a row that the outbound schema cannot express, whoever made it',
  },
  {
    from: 'runtime/access/access-recorder.ts',
    to: 'runtime/audit/types.ts',
    why: 'a refused access is itself an event of the log, written through the ledger that is passed in',
  },
  {
    from: 'runtime/access/access-recorder.ts',
    to: 'runtime/audit/leaf.ts',
    why: 'the shape of the leaf that a refused access leaves',
  },
  {
    from: 'runtime/ingress/oip/routes.ts',
    to: 'runtime/http/external-protocol.ts',
    why: 'the server says what the routes of a protocol look like that pass its gate',
  },
]

/** Files (or folders, with a slash at the end) that compute and do nothing else, themselves and all they import. */
export const pureFiles: readonly string[] = [
  'device/checkpoint/checkpoint.ts',
  'device/checkpoint/signed-note.ts',
  'device/outbound/',
  'device/platform/canonical-json.ts',
  'device/identity/validity.ts',
  'device/telemetry/buckets.ts',
  'device/telemetry/proc.ts',
  'device/posture/finding.ts',
  'models/contract/',
  'models/authoring/graph-check.ts',
  'models/authoring/match-check.ts',
  'models/onnx/external-data.ts',
  'models/onnx/reader.ts',
  'models/package/manifest.ts',
  'models/package/source-attributes.ts',
  'models/package/policy.ts',
  'models/package/runtime-range.ts',
  'runtime/audit/leaf.ts',
  'runtime/audit/tree.ts',
  'runtime/egress/outbound.ts',
  'runtime/images/decode-files.ts',
  'runtime/images/dicom/',
  'runtime/images/nifti/',
  'runtime/images/pixels/',
  'updater/operator/csv.ts',
  'updater/operator/findings.ts',
  'updater/operator/moment.ts',
]

const inputOutput = [
  'child_process',
  'cluster',
  'dgram',
  'dns',
  'fs',
  'http',
  'http2',
  'https',
  'inspector',
  'net',
  'os',
  'process',
  'readline',
  'repl',
  'sqlite',
  'tls',
  'worker_threads',
]
const packagesWithInputOutput = ['aedes', 'better-sqlite3', 'fastify', 'mqtt', 'onnxruntime-node', 'tar']

export interface ImportRule {
  readonly name: string
  /** What is wrong with one file, in words that name the import; `files` is the whole tree by path. */
  faults(file: SourceFile, files: ReadonlyMap<string, SourceFile>): string[]
}

const roomOf = (path: string): string => path.split('/')[0] ?? ''
const isRoom = (path: string): boolean => Object.hasOwn(roomMayImport, roomOf(path))

function layerOf(path: string): string {
  const [, second = '', third] = path.split('/')
  return runtimeRootFiles[path] ?? (third === undefined ? 'compose' : second)
}

/** Our own files that a file imports, with the reason why one is wrong; tests and their equipment are not asked. */
function eachOwnImport(
  judge: (file: SourceFile, target: string, edge: ImportEdge) => string | undefined,
): ImportRule['faults'] {
  return (file) => {
    if (isTestFile(file.path)) return []
    return file.imports.flatMap((edge) => {
      const fault = edge.target === undefined ? undefined : judge(file, edge.target, edge)
      return fault === undefined ? [] : [`${file.path} imports ${edge.target}: ${fault}`]
    })
  }
}

export const importRules: readonly ImportRule[] = [
  {
    name: 'rooms import in one direction: device ← models ← updater, runtime',
    faults: eachOwnImport((file, target) => {
      const [from, to] = [roomOf(file.path), roomOf(target)]
      if (!isRoom(file.path) || from === to || roomMayImport[from]?.includes(to)) return undefined
      return `${from} may not import ${to}`
    }),
  },
  {
    name: 'inside the runtime imports go downwards',
    faults: eachOwnImport((file, target, edge) => {
      if (roomOf(file.path) !== 'runtime' || roomOf(target) !== 'runtime') return undefined
      const [from, to] = [layerOf(file.path), layerOf(target)]
      if (from === to) return undefined
      const [fromLevel, toLevel] = [runtimeLayers[from], runtimeLayers[to]]
      if (fromLevel === undefined || toLevel === undefined) return `give ${from} and ${to} a place in runtimeLayers`
      if (fromLevel > toLevel) return undefined
      const exception = allowedLevelImports.find((entry) => entry.from === file.path && entry.to === target)
      const isAllowed = exception !== undefined && (edge.typeOnly || (exception.values === true && isPure(target)))
      return isAllowed ? undefined : `${from} may not import ${to}`
    }),
  },
  {
    name: 'nobody imports bin/',
    faults: eachOwnImport((file, target) => {
      const folderOfBin = /^(.*?)\/?bin\//.exec(target)
      if (folderOfBin === null || file.path.startsWith(folderOfBin[0])) return undefined
      return 'a bin/ is where a program starts, not a library'
    }),
  },
  {
    name: 'what ships imports no test and no test equipment',
    faults: eachOwnImport((_file, target) => (isTestFile(target) ? 'it is there for tests only' : undefined)),
  },
  {
    name: 'rooms import nothing from outside them',
    faults: eachOwnImport((file, target) =>
      isRoom(file.path) && !isRoom(target) ? 'it stands outside the rooms' : undefined,
    ),
  },
  {
    name: 'imports are relative paths with their extension, node: modules or packages',
    faults: (file) =>
      file.imports
        .filter((edge) =>
          edge.target === undefined
            ? !isNodeOrPackage(edge.specifier) && !(edge.specifier === COMPUTED && loadsByPath.includes(file.path))
            : !/\.(tsx?|json|mjs|css)$/.test(edge.target),
        )
        .map((edge) => `${file.path} imports ${edge.specifier}: not in one of these forms`),
  },
  {
    name: 'the pages take nothing but types from the rooms: they speak to them over HTTP',
    faults: (file) =>
      !file.path.startsWith('web-ui/') || isTestFile(file.path)
        ? []
        : file.imports
            .filter(({ target, typeOnly }) => target !== undefined && isRoom(target) && !typeOnly)
            .map(({ target }) => `${file.path} imports ${target}: more than its types`),
  },
  {
    name: 'only the two ends of the fleet path speak MQTT',
    faults: (file) =>
      isTestFile(file.path) || speaksMqtt.some((folder) => file.path.startsWith(folder))
        ? []
        : file.imports
            .filter((edge) => edge.target === undefined && packageName(edge.specifier) === 'mqtt')
            .map(() => `${file.path} imports mqtt: only ${speaksMqtt.join(' and ')} may`),
  },
  {
    name: 'the egress process has no way to a patient: of the runtime it loads its own room alone, and opens no Phi',
    faults: (file, files) => (file.path === EGRESS_ENTRY ? egressReach(file, files) : []),
  },
  {
    name: 'pure files do no input or output, nor does anything they import',
    faults: (file, files) => (isPure(file.path) && !isTestFile(file.path) ? impureReach(file, files) : []),
  },
]

/** Everything that leaves a box, or arrives from one, passes one of these. */
const speaksMqtt = ['runtime/egress/', 'updater/operator/']

/** The checks themselves may load what they have found by its path; nothing else imports a computed name. */
const loadsByPath = ['house/error-tables.ts']

function isNodeOrPackage(specifier: string): boolean {
  return specifier.startsWith('node:') || /^(@[a-z0-9-]+\/)?[a-z0-9][a-z0-9._-]*(\/[\w./-]+)?$/.test(specifier)
}

const EGRESS_ENTRY = 'runtime/bin/egress.ts'
/** The half of the room that runs inside the runtime. */
const RELAY = 'runtime/egress/relay.ts'
const PHI = 'device/platform/phi.ts'

function egressReach(start: SourceFile, files: ReadonlyMap<string, SourceFile>): string[] {
  const seen = new Set<string>([start.path])
  const waiting = [start]
  const faults: string[] = []
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    for (const { target, typeOnly } of file.imports) {
      if (target === undefined || typeOnly || seen.has(target)) continue
      seen.add(target)
      const isForeign = target.startsWith('runtime/') && !target.startsWith('runtime/egress/')
      const next = files.get(target)
      if (isForeign || target === RELAY || target === PHI) faults.push(`${file.path} imports ${target}`)
      else if (next !== undefined) waiting.push(next)
    }
  }
  return faults
}

export function isPure(path: string): boolean {
  return pureFiles.some((entry) => (entry.endsWith('/') ? path.startsWith(entry) : path === entry))
}

function impureReach(start: SourceFile, files: ReadonlyMap<string, SourceFile>): string[] {
  const seen = new Set<string>()
  const faults: string[] = []
  const visit = (file: SourceFile, way: string): void => {
    if (seen.has(file.path)) return
    seen.add(file.path)
    for (const edge of file.imports.filter((each) => !each.typeOnly)) {
      if (edge.target === undefined && isInputOutput(edge.specifier)) faults.push(`${way} imports ${edge.specifier}`)
      const next = edge.target === undefined ? undefined : files.get(edge.target)
      if (next !== undefined) visit(next, `${way} → ${next.path}`)
    }
  }
  visit(start, start.path)
  return faults
}

function isInputOutput(specifier: string): boolean {
  const [name = ''] = specifier.replace(/^node:/, '').split('/')
  return specifier.startsWith('node:')
    ? inputOutput.includes(name)
    : packagesWithInputOutput.includes(packageName(specifier))
}

export function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Import cycles, each as the path that closes it. Types count: a cycle of types is still two files that are one. */
export function findCycles(files: ReadonlyMap<string, SourceFile>): string[] {
  const state = new Map<string, 'open' | 'done'>()
  const cycles: string[] = []
  const visit = (path: string, way: readonly string[]): void => {
    const file = files.get(path)
    if (file === undefined || state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      cycles.push([...way.slice(way.indexOf(path)), path].join(' → '))
      return
    }
    state.set(path, 'open')
    for (const edge of file.imports) if (edge.target !== undefined) visit(edge.target, [...way, path])
    state.set(path, 'done')
  }
  for (const path of files.keys()) visit(path, [])
  return cycles
}

const vagueNames = ['utils', 'util', 'common', 'helpers', 'helper', 'misc', 'lib', 'shared']

/** What is wrong with a path: a name that says nothing, or not kebab-case. */
export function nameFaults(path: string): string[] {
  const parts = path.split('/').map((part) => part.replace(/\.(test\.|d\.)?(tsx?|mjs)$/, ''))
  const faults = parts.filter((part) => vagueNames.includes(part)).map((part) => `${path}: "${part}" names nothing`)
  const odd = parts
    .filter((part) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(part))
    .map((part) => `${path}: "${part}" is not kebab-case`)
  return [...faults, ...odd]
}
