import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const COMPILER = join(ROOT, 'node_modules/typescript/bin/tsc')

/**
 * Compiles texts by the rules of the whole tree; `@/` at the start of an import stands for its root.
 * @returns by name, the messages of the compiler
 */
export function compileSnippets(snippets: Readonly<Record<string, string>>): Record<string, string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'snippets-'))
  try {
    const tree = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8')) as { compilerOptions: object }
    const typeRoots = [join(ROOT, 'node_modules/@types')]
    const compilerOptions = { ...tree.compilerOptions, typeRoots, noUnusedLocals: false, noUnusedParameters: false }
    for (const [name, text] of Object.entries(snippets))
      writeFileSync(join(folder, `${name}.ts`), text.replaceAll("from '@/", `from '${ROOT}`))
    const files = Object.keys(snippets).map((name) => `${name}.ts`)
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
    return faultsByFile(compile(folder), Object.keys(snippets))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function compile(folder: string): string {
  try {
    execFileSync(process.execPath, [COMPILER, '-p', folder, '--pretty', 'false'], {
      encoding: 'utf8',
      timeout: 60_000,
      cwd: folder,
    })
    return ''
  } catch (error) {
    return String((error as { stdout?: unknown }).stdout ?? '')
  }
}

function faultsByFile(output: string, names: readonly string[]): Record<string, string[]> {
  const lines = output.split('\n').filter((line) => /: error TS\d+:/.test(line))
  return Object.fromEntries(names.map((name) => [name, lines.filter((line) => line.startsWith(`${name}.ts(`))]))
}
