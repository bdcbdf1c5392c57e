import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { sharedData } from '../house/shared-data.ts'
import { modelStore, releasePaths } from '../models/store/layout.ts'
import { readSlotPointer } from '../models/store/pointer.ts'
import type { HealthReport } from '../runtime/decisions/service-types.ts'
import type { DecisionAnswer } from '../runtime/decisions/types.ts'
import type { ShownDecision } from './show.ts'

// Each starts a whole appliance, which proves its models first.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const ENTRY = fileURLToPath(new URL('./bin/demo.ts', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
  readonly tookMs: number
}

let folder: string
let site: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wardstone-demo-'))
  site = join(folder, 'site')
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function start(
  args: readonly string[],
  wrap: readonly string[] = [],
): { child: ChildProcess; ended: Promise<Ended>; out: () => string } {
  const startedMs = performance.now()
  const [command = '', ...rest] = [...wrap, process.execPath, ENTRY, ...args]
  const child = spawn(command, rest, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', (part: Buffer) => (out += part.toString('utf8')))
  child.stderr.on('data', (part: Buffer) => (err += part.toString('utf8')))
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code) => resolve({ code, out, err, tookMs: performance.now() - startedMs })),
  )
  return { child, ended, out: () => out }
}

/** What a person copies and pastes, run by a shell in the folder the demo was started in. */
function shell(command: string): string {
  return execFileSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
}

const demo = (...args: string[]) => start(['--port', '0', ...args]).ended

/** A site that works and does not run: all its paths are its own. */
function copyOfSite(name: string): string {
  const copy = join(folder, name)
  cpSync(site, copy, { recursive: true, filter: (path) => !statSync(path).isSocket() })
  return copy
}

describe('the demo', () => {
  it('makes a site, decides for sample patients with two models, and leaves with 0', async () => {
    const { code, out, err } = await demo('--once', '--site', site)
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toMatch(/P-[0-9A-Z]{4}-[0-9A-Z]{4} +news2 /)
    expect(out).toMatch(/P-[0-9A-Z]{4}-[0-9A-Z]{4} +sepsis-risk /)
    expect(out).toMatch(/leaf \d+/)
    expect(readdirSync(folder)).toEqual(['site'])
  })

  it('prints JSON and nothing else with --json, and uses the site again', async () => {
    const { code, out } = await demo('--once', '--json', '--site', site)
    expect(code).toBe(0)
    const { decisions } = JSON.parse(out) as { decisions: ShownDecision[] }
    expect(decisions.length).toBeGreaterThan(10)
    for (const decision of decisions) expect(decision.decisionId).toMatch(/^[0-9a-f-]{36}$/)
    expect(new Set(decisions.map(({ model }) => model))).toEqual(new Set(['news2', 'sepsis-risk']))
    expect(decisions.some(({ outcome }) => outcome === 'scored')).toBe(true)
    const positions = decisions.map(({ leafIndex }) => leafIndex)
    expect(positions).toEqual(positions.toSorted((a, b) => a - b))
  })

  it('stays up, prints calls to copy, and stops everything at Ctrl-C', async () => {
    const { child, ended, out } = start(['--port', '0', '--site', site])
    while (!out().includes('Ctrl-C stops everything')) await new Promise((resolve) => setTimeout(resolve, 20))
    const [decide = '', health = '', read = '', picture = ''] = out().match(/^curl --cacert .*$/gm) ?? []
    const made = JSON.parse(shell(decide)) as DecisionAnswer
    expect(made.decision.assessment?.outputs.aggregate?.values).toEqual([8])
    expect((JSON.parse(shell(health)) as HealthReport).status).toBe('ready')
    const again = JSON.parse(shell(read.replace(/[0-9a-f-]{36}$/, made.decision.decisionId))) as DecisionAnswer
    expect(again.decision).toEqual(made.decision)
    expect((JSON.parse(shell(read)) as DecisionAnswer).decision.model.id).toBe('sepsis-risk')
    const seen = JSON.parse(shell(picture)) as DecisionAnswer
    expect(seen.decision).toMatchObject({ outcome: 'scored', model: { id: 'chest-qc' } })
    child.kill('SIGINT')
    const { code } = await ended
    expect(code).toBe(0)
    expect(out()).toContain('Stopped.')
  })

  it('says so when a second instance uses the site, and leaves the first alone', async () => {
    const first = start(['--port', '0', '--site', site])
    while (!first.out().includes('Ctrl-C stops everything')) await new Promise((resolve) => setTimeout(resolve, 20))
    const second = await demo('--once', '--site', site)
    expect(second.code).toBe(1)
    expect(second.err).toContain('demo_site_in_use')
    first.child.kill('SIGINT')
    expect((await first.ended).code).toBe(0)
  })

  it('says so when the port is in use', async () => {
    const server: Server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const { code, err } = await start(['--port', String(port), '--once', '--site', site]).ended
    server.close()
    expect(code).toBe(1)
    expect(err).toContain('runtime_port_in_use')
    expect(err).toContain(String(port))
  })

  it('feeds real ICU stays laid out as the challenge has them', async () => {
    const data = join(folder, 'stays')
    mkdirSync(data, { recursive: true })
    const columns =
      'HR|O2Sat|Temp|SBP|MAP|DBP|Resp|EtCO2|BaseExcess|HCO3|FiO2|pH|PaCO2|SaO2|AST|BUN|Alkalinephos|Calcium|Chloride|Creatinine|Bilirubin_direct|Glucose|Lactate|Magnesium|Phosphate|Potassium|Bilirubin_total|TroponinI|Hct|Hgb|PTT|WBC|Fibrinogen|Platelets|Age|Gender|Unit1|Unit2|HospAdmTime|ICULOS|SepsisLabel'
    const measured: Record<string, string> = {
      HR: '92',
      O2Sat: '96',
      Temp: '37.4',
      SBP: '118',
      MAP: '80',
      DBP: '61',
      Resp: '19',
      Age: '66',
      ICULOS: '1',
      SepsisLabel: '0',
    }
    const line = columns.split('|').map((column) => measured[column] ?? 'NaN')
    writeFileSync(join(data, 'p1.psv'), `${columns}\n${line.join('|')}\n`)
    writeFileSync(join(data, 'p2.psv'), 'not a stay')
    const { code, out } = await demo('--once', '--data', data, '--site', site)
    expect(code).toBe(0)
    expect(out).toContain('Read 1 ICU stays')
    expect(out).toContain('1 could not be read')
  })

  it.skipIf(sharedData === undefined)('feeds the given ICU stays from their archive', async () => {
    const { code, out } = await demo(
      '--once',
      '--json',
      '--stays',
      '20',
      '--data',
      join(sharedData ?? '', 'sepsis'),
      '--site',
      site,
    )
    expect(code).toBe(0)
    const { decisions } = JSON.parse(out) as { decisions: ShownDecision[] }
    const sepsis = decisions.filter(({ model }) => model === 'sepsis-risk')
    expect(new Set(sepsis.map(({ subject }) => subject)).size).toBe(20)
    expect(sepsis.filter(({ outcome }) => outcome === 'scored').length).toBeGreaterThan(10)
  })
})

describe('a demo that cannot', () => {
  it('names the missing file of a half-made site and touches nothing', async () => {
    const broken = copyOfSite('half-made')
    rmSync(join(broken, 'keys/database.key'))
    const { code, err } = await demo('--once', '--site', broken)
    expect(code).toBe(1)
    expect(err).toContain('demo_site_incomplete')
    expect(err).toContain('keys/database.key')
    expect(existsSync(join(broken, 'keys/database.key'))).toBe(false)
  })

  it('does not take a folder that is not its own', async () => {
    const foreign = join(folder, 'foreign')
    mkdirSync(foreign)
    writeFileSync(join(foreign, 'thesis.txt'), 'mine')
    const { code, err } = await demo('--once', '--site', foreign)
    expect(code).toBe(1)
    expect(err).toContain('demo_site_foreign')
    expect(readdirSync(foreign)).toEqual(['thesis.txt'])
  })

  it('tells a changed package from a whole one, and which model does not run', async () => {
    const tampered = copyOfSite('tampered')
    const store = modelStore(join(tampered, 'store'))
    writeFileSync(releasePaths(store, readSlotPointer(store, 'news2').active).package, 'x', { flag: 'r+' })
    const { code, err } = await demo('--once', '--site', tampered)
    expect(code).toBe(1)
    expect(err).toMatch(/demo_model_unavailable/)
    expect(err).toMatch(/news2: .*package_/)
  })

  it('leaves no debris when the disk is full', async () => {
    const inside = `mkdir ${folder}/tiny/deep && ${process.execPath} ${ENTRY} --once --port 0 --site ${folder}/tiny/deep/site; code=$?; ls -A ${folder}/tiny/deep | sed 's/^/LEFT /'; exit $code`
    mkdirSync(join(folder, 'tiny'), { recursive: true })
    const sandbox = ['bwrap', '--dev-bind', '/', '/', '--size', '65536', '--tmpfs', join(folder, 'tiny'), '--']
    const child = spawn(sandbox[0] ?? '', [...sandbox.slice(1), 'sh', '-c', inside], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (part: Buffer) => (out += part.toString('utf8')))
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect(code).toBe(1)
    expect(out).toContain('demo_disk_full')
    expect(out).not.toContain('LEFT')
  })

  it('says so when the site cannot be read', async () => {
    const unreadable = join(folder, 'unreadable')
    mkdirSync(join(unreadable, 'site.json'), { recursive: true })
    const { code, err } = await demo('--once', '--site', unreadable)
    expect(code).toBe(1)
    expect(err).toContain('demo_site_unreadable')
  })

  it('refuses unknown options and values with status 2', async () => {
    expect((await demo('--colour')).code).toBe(2)
    expect((await demo('--stays', 'many')).code).toBe(2)
    expect((await demo('--help')).out).toContain('Usage:')
  })
})

describe('a demo started as the README says', () => {
  /** The configured port, free or not: the one thing that every other test replaces. */
  async function configuredPort(root: string): Promise<number> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    await new Promise((resolve) => server.close(resolve))
    const path = join(root, 'runtime.json')
    const config = JSON.parse(readFileSync(path, 'utf8')) as { listen: { port: number } }
    config.listen.port = port
    writeFileSync(path, JSON.stringify(config))
    return port
  }

  it('listens where its configuration says, without --port', async () => {
    const port = await configuredPort(site)
    const { code, out, err } = await start(['--once', '--site', site]).ended
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toContain(`https://127.0.0.1:${port}`)
  })

  it('twice at the same moment makes one site, and nobody loses evidence', { timeout: 60_000 }, async () => {
    const both = join(folder, 'both')
    const ended = await Promise.all([demo('--once', '--site', both), demo('--once', '--site', both)])
    const codes = ended.map(({ code }) => code)
    expect(codes).toContain(0)
    for (const { code, err } of ended) if (code !== 0) expect(err).toMatch(/demo_site_/)
    const { code } = await demo('--once', '--site', both)
    expect(code).toBe(0)
    expect(readdirSync(folder).filter((name) => name.includes('.making-'))).toEqual([])
  })

  it('goes on deciding when its log cannot be written', async () => {
    rmSync(join(site, 'data/runtime.log'), { force: true })
    mkdirSync(join(site, 'data/runtime.log'))
    const { code } = await demo('--once', '--site', site)
    rmSync(join(site, 'data/runtime.log'), { recursive: true })
    expect(code).toBe(0)
  })

  it('takes the folder that the archive of stays unpacks to, and no pipe', async () => {
    const nested = join(folder, 'nested')
    mkdirSync(join(nested, 'patients'), { recursive: true })
    copyFileSync(join(folder, 'stays', 'p1.psv'), join(nested, 'patients', 'p1.psv'))
    expect((await demo('--once', '--data', nested, '--site', site)).code).toBe(0)
    const { code, err } = await demo('--once', '--data', '/dev/zero', '--site', site)
    expect(code).toBe(1)
    expect(err).toContain('demo_data_unreadable')
  })
})
