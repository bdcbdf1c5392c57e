import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ApiClient } from '../../demo/client.ts'
import { installModels } from '../../demo/installation.ts'
import { allProcesses } from '../../demo/process-tree.ts'
import { openSite, type Site } from '../../demo/site.ts'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { PackageDraft } from '../../models/package/pack.ts'
import { sepsisRiskDraft } from '../../models/sepsis-risk/package.ts'
import type { Role } from '../../runtime/access/principal.ts'

const ENTRY = fileURLToPath(new URL('../../runtime/bin/runtime.ts', import.meta.url))
const START_LIMIT_MS = 60_000

/** A development site in a folder of its own, with the reference models installed. */
export async function makeSite(
  drafts: readonly PackageDraft[] = [news2Draft(), sepsisRiskDraft()],
  under = tmpdir(),
): Promise<Site> {
  const root = join(mkdtempSync(join(under, 'wardstone-e2e-')), 'site')
  const tools = { provider: createCryptoProvider(), randomness: systemRandomness, progress: () => {} }
  return openSite(root, { ...tools, install: (site) => installModels(site, drafts, tools) })
}

export function removeSite(site: Site): void {
  rmSync(join(site.root, '..'), { recursive: true, force: true })
}

export function clientFor(role: Role, site: Site, url: string, maxSockets = 16): ApiClient {
  const text = (name: string) => readFileSync(site.path(name), 'utf8')
  const tls = {
    key: text(`clients/${role}.key`),
    certificate: text(`clients/${role}.pem`),
    authority: text('authority/ca.pem'),
  }
  return new ApiClient(url, tls, maxSockets)
}

/** The real runtime process on a free port. */
export interface Appliance {
  readonly url: string
  readonly process: ChildProcess
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Everything the process has written, both streams. */
  words(): string
  stop(): Promise<number | null>
}

/**
 * @param wrap a command line to run the runtime under, such as a sandbox with a small disk
 * @param entry a module that starts the runtime in the place of the product's own, and what it is told first
 * @param startLimitMs for what proves a slow model first
 */
export async function startAppliance(
  site: Site,
  wrap: readonly string[] = [],
  entry: readonly [module: string, ...words: string[]] = [ENTRY],
  startLimitMs = START_LIMIT_MS,
): Promise<Appliance> {
  const own = [
    process.execPath,
    '--disable-sigusr1',
    ...entry,
    '--config',
    site.path('runtime.json'),
    '--port',
    '0',
    '--stop-with-parent',
  ]
  const [command = '', ...args] = [...wrap, ...own]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let words = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (part: Buffer) => (words += part.toString('utf8')))
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal })),
  )
  const url = await readyUrl(ended, () => words, startLimitMs)
  const stop = async () => {
    child.kill('SIGTERM')
    return (await ended).code
  }
  return { url, process: child, ended, words: () => words, stop }
}

async function readyUrl(ended: Promise<unknown>, words: () => string, startLimitMs: number): Promise<string> {
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  const limitMs = performance.now() + startLimitMs
  while (performance.now() < limitMs) {
    const url = /^ready (\S+)$/m.exec(words())?.[1]
    if (url !== undefined) return url
    if (isOver) break
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new StartFailure(words())
}

/** The runtime ended or hung before it was ready; the message is what it said. */
export class StartFailure extends TypeError {}

export { workerPids } from '../../demo/process-tree.ts'

/** The runtime's own process id when it was started under a wrapper such as bwrap. */
export function innermostPid(wrapper: number): number {
  const runtime = allProcesses().find(
    ({ parent, command }) => parent === wrapper && command.includes('runtime/bin/runtime.ts'),
  )
  return runtime?.pid ?? wrapper
}

/** A NEWS2 request that scores 0, with whatever differs. */
export function news2Body(subject: string, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const normal = {
    age: { value: 60, unit: 'a' },
    pregnant: { value: false },
    'respiratory-rate': { value: 16, unit: '/min' },
    spo2: { value: 98, unit: '%' },
    'supplemental-oxygen': { value: 'air' },
    'systolic-pressure': { value: 120, unit: 'mm[Hg]' },
    'heart-rate': { value: 70, unit: '/min' },
    consciousness: { value: 'A' },
    temperature: { value: 37, unit: 'Cel' },
  }
  return { model: 'news2', subject, purpose: 'demonstration', inputs: { ...normal, ...changes } }
}
