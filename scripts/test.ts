// What `npm test` runs: the Debian packages that tests need, types, lint and format, and every vitest test.
// `npm test -- <path>` runs a part; `npm run check` (--only-checks) types and lint alone.
// The last line is always `N passed, N failed`, counting each check and each test once.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sharedData } from '../house/shared-data.ts'
import { ensureSystemPackages, hostTools, systemPackages } from './system-packages.ts'
import { judgeLeftOut, readReport, tally } from './vitest-report.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const CHECK_TIMEOUT_MS = 5 * 60 * 1000
const TESTS_TIMEOUT_MS = 35 * 60 * 1000
const GRACE_MS = 10_000

const result = { passed: 0, failed: 0 }
let running: ChildProcess | undefined
let stoppedBy: NodeJS.Signals | undefined

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/**
 * Runs a tool by the pinned Node within a time limit; its output is ours. Resolves to its exit code. The tool leads a
 * process group of its own, so that whatever a failed test leaves running ends with it.
 */
function runTool(tool: string, args: readonly string[], timeoutMs: number): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, tool), ...args], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    })
    running = child
    const late = setTimeout(() => {
      say(`stopped after ${timeoutMs / 60_000} minutes: ${tool}`)
      child.kill('SIGTERM')
      setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref()
    }, timeoutMs)
    child.on('error', () => resolve(1))
    child.on('exit', (code) => {
      clearTimeout(late)
      running = undefined
      endGroup(child.pid)
      resolve(code ?? 1)
    })
  })
}

function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL')
  } catch {
    // Nothing was left: the usual case.
  }
}

async function check(name: string, tool: string, args: readonly string[]): Promise<void> {
  const code = await runTool(tool, args, CHECK_TIMEOUT_MS)
  count(name, code === 0)
}

function count(name: string, isPassed: boolean): void {
  result[isPassed ? 'passed' : 'failed'] += 1
  say(`${isPassed ? 'ok' : 'FAILED'}: ${name}`)
}

async function runTests(args: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wardstone-test-'))
  const file = join(folder, 'report.json')
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
    const code = await runTool('node_modules/vitest/vitest.mjs', ['run', ...reporters, ...args], TESTS_TIMEOUT_MS)
    const tests = tally(readReport(file), code)
    // A filter by title (-t) leaves tests out on purpose; a path does not.
    const isByPath = args.every((argument) => !argument.startsWith('-'))
    const leftOut = isByPath ? judgeLeftOut(tests.leftOut, sharedData !== undefined) : { failed: 0 }
    result.passed += tests.passed
    result.failed += tests.failed + leftOut.failed
    if (leftOut.line !== undefined) say(leftOut.line)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function requirePackages(): boolean {
  const command = ensureSystemPackages(systemPackages, hostTools)
  if (command === undefined) return true
  say(`The tests need packages that could not be installed from here. Run this, then npm test again:\n  ${command}`)
  count('Debian packages', false)
  return false
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stoppedBy = signal
    running?.kill(signal)
  })
}

async function main(args: readonly string[]): Promise<void> {
  const onlyChecks = args.includes('--only-checks')
  const forVitest = args.filter((argument) => argument !== '--only-checks')
  if (!onlyChecks && !requirePackages()) return
  if (forVitest.length === 0 && stoppedBy === undefined) {
    await check('types (tsc)', 'node_modules/typescript/bin/tsc', ['-p', root])
    await check('types of the pages (tsc)', 'node_modules/typescript/bin/tsc', ['-p', join(root, 'web-ui')])
    if (stoppedBy === undefined) {
      await check('lint and format (biome)', 'node_modules/@biomejs/biome/bin/biome', [
        'check',
        '--max-diagnostics=50',
        root,
      ])
    }
  }
  if (!onlyChecks && stoppedBy === undefined) {
    // The sources may have changed since they were installed.
    await runTool('scripts/compile.mjs', [], CHECK_TIMEOUT_MS)
    await runTests(forVitest)
  }
}

await main(process.argv.slice(2))
if (stoppedBy !== undefined) say(`stopped by ${stoppedBy}`)
say(`${result.passed} passed, ${result.failed} failed`)
process.exitCode = stoppedBy === undefined ? Number(result.failed > 0) : 128 + constants.signals[stoppedBy]
