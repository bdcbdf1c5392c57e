import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'oxc-parser'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** The rooms of the house, and what stands outside it. */
export const rooms = ['device', 'models', 'updater', 'runtime'] as const
export const outsideRooms = ['demo', 'bench', 'soak', 'house', 'scripts', 'systemd', 'web-ui'] as const

/** One import, export-from, `import()` or `import('…')` type of a file. */
export interface ImportEdge {
  /** As written. */
  readonly specifier: string
  /** Path from the root for a relative import, else undefined. */
  readonly target: string | undefined
  readonly typeOnly: boolean
}

/** Stands for the name of an import that is computed: it cannot be checked, so no rule lets it pass. */
export const COMPUTED = '(computed)'

/** A node of the syntax tree; only what the rules look at. */
export interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [member: string]: unknown
}

export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly imports: readonly ImportEdge[]
  readonly nodes: readonly SyntaxNode[]
  readonly comments: readonly string[]
  readonly hasDefaultExport: boolean
  readonly faults: readonly string[]
}

/** Tests and their equipment, which may reach further than what ships. */
export function isTestFile(path: string): boolean {
  return path.endsWith('.test.ts') || path.split('/').includes('testkit')
}

/** Every TypeScript file under the given folders, parsed once. */
export function readSources(folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) => listFiles(folder))
    .filter((path) => /\.tsx?$/.test(path))
    .map(readSource)
}

export function listFiles(folder: string): string[] {
  let entries: { name: string; isDirectory(): boolean }[]
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true })
  } catch {
    return []
  }
  return entries
    .filter((entry) => entry.name !== 'node_modules' && `${folder}/${entry.name}` !== 'web-ui/dist')
    .flatMap((entry) => (entry.isDirectory() ? listFiles(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`]))
}

function readSource(path: string): SourceFile {
  return parseSource(path, readFileSync(join(root, path), 'utf8'))
}

/** Parses a text as if it lay at `path`; the rules are tried on made-up files this way. */
export function parseSource(path: string, text: string): SourceFile {
  const parsed = parseSync(path, text)
  const nodes = flatten(parsed.program as unknown as SyntaxNode)
  return {
    path,
    text,
    nodes,
    imports: [...staticEdges(parsed.module), ...expressionEdges(nodes)].map((edge) => ({
      ...edge,
      target: resolveRelative(path, edge.specifier),
    })),
    comments: parsed.comments.map((comment) => comment.value),
    hasDefaultExport: parsed.module.staticExports.some((statement) =>
      statement.entries.some(({ exportName }) => exportName.kind === 'Default' || exportName.name === 'default'),
    ),
    faults: parsed.errors.map((error) => error.message),
  }
}

type ModuleRecord = ReturnType<typeof parseSync>['module']
type BareEdge = Omit<ImportEdge, 'target'>

function staticEdges(module: ModuleRecord): BareEdge[] {
  const imports = module.staticImports.map((statement) => ({
    specifier: statement.moduleRequest.value,
    // Without names (`import './x.ts'`) the file is run, so that is a real import.
    typeOnly: statement.entries.length > 0 && statement.entries.every((entry) => entry.isType),
  }))
  const exports = module.staticExports.flatMap((statement) =>
    statement.entries.flatMap((entry) =>
      entry.moduleRequest ? [{ specifier: entry.moduleRequest.value, typeOnly: entry.isType }] : [],
    ),
  )
  return [...imports, ...exports]
}

function expressionEdges(nodes: readonly SyntaxNode[]): BareEdge[] {
  return nodes.flatMap((node) => {
    if (node.type !== 'ImportExpression' && node.type !== 'TSImportType') return []
    const source = node.source as { value?: unknown } | undefined
    const specifier = typeof source?.value === 'string' ? source.value : COMPUTED
    return [{ specifier, typeOnly: node.type === 'TSImportType' }]
  })
}

function resolveRelative(from: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? relative(root, join(root, dirname(from), specifier)) : undefined
}

function flatten(start: SyntaxNode): SyntaxNode[] {
  const nodes: SyntaxNode[] = []
  const waiting: unknown[] = [start]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (Array.isArray(value)) waiting.push(...value)
    else if (typeof value === 'object' && value !== null) {
      if (typeof (value as SyntaxNode).type === 'string') nodes.push(value as SyntaxNode)
      waiting.push(...Object.values(value))
    }
  }
  return nodes
}
