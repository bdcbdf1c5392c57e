import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { acquireInstanceLock } from '../storage/instance-lock.ts'
import { type LogSite, makeSite, openSite, removeSite, verifySite } from './testkit/ledger-fixture.ts'
import { writeSiteFile } from './testkit/site-file.ts'

const program = (name: string) => fileURLToPath(new URL(`./testkit/${name}.ts`, import.meta.url))
let site: LogSite
let siteFile: string
let acknowledgedFile: string

beforeAll(async () => {
  site = await makeSite()
  siteFile = join(site.directory, 'site.json')
  acknowledgedFile = join(site.directory, 'acknowledged.txt')
  writeSiteFile(site, siteFile)
})
afterAll(() => removeSite(site))

interface Acknowledged {
  readonly id: string
  readonly leafIndex: number
  readonly leafHash: string
}

/** Starts a process under load and kills it some time after its first acknowledgement. */
async function killUnderLoad(run: number): Promise<void> {
  const args = [program('commit-under-load'), siteFile, acknowledgedFile, `r${run}`]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  try {
    await Promise.race([once(child.stdout, 'data'), ended.then(([code]) => expect(code).toBe('still running'))])
    expect(() => acquireInstanceLock(`${site.path}.lock`)).toThrow(expect.objectContaining({ code: 'storage_locked' }))
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150))
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

/** What was acknowledged so far; a last line that was cut off was not. */
function acknowledged(): Acknowledged[] {
  const lines = readFileSync(acknowledgedFile, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => asAcknowledged(line.split(' ')))
}

const asAcknowledged = ([id = '', index, leafHash = '']: string[]): Acknowledged => ({
  id,
  leafIndex: Number(index),
  leafHash,
})

/** Opens the log that was left behind, as the next start does. */
async function expectThere(acknowledged: readonly Acknowledged[]): Promise<void> {
  const lock = acquireInstanceLock(`${site.path}.lock`)
  const { ledger } = await openSite(site)
  for (const { id, leafIndex, leafHash } of acknowledged) {
    expect(ledger.store.readBody(id)?.position).toEqual({ origin: site.origin, leafIndex, leafHash })
  }
  await ledger.close()
  lock.release()
}

test('kill -9 under load, twenty times: all that was acknowledged is there, the log verifies, the next start is clean', async () => {
  let before = 0
  for (let run = 1; run <= 20; run += 1) {
    await killUnderLoad(run)
    const all = acknowledged()
    // What was there after an earlier kill is looked for again at the end, and by each verification.
    await expectThere(all.slice(before))
    before = all.length
    if (run % 5 === 0) expect((await verifySite(site)).findings).toEqual([])
  }
  await expectThere(acknowledged())
  expect(acknowledged().length).toBeGreaterThan(200)
}, 240_000)

interface FillResult {
  readonly acknowledged: number
  readonly whileFull: string[]
  readonly openedWhileFull: string
  readonly verifiedWhileFull: number
  readonly after: string[]
  readonly readable: boolean
  readonly stillThere: boolean
  readonly findings: unknown[]
  readonly leaves: number
}

/** Runs the program on a disk of 64 MiB of its own. */
function onSmallDisk(disk: string, file: string) {
  const wall = ['--dev-bind', '/', '/', '--size', '67108864', '--tmpfs', disk]
  return spawnSync('bwrap', [...wall, process.execPath, program('fill-disk'), file], {
    encoding: 'utf8',
    timeout: 60_000,
  })
}

/** Runs the program with files of at most 8 MiB; the soft limit only, so that it can make room. */
function underFileLimit(file: string) {
  const limited = ['--fsize=8388608:unlimited', process.execPath, program('fill-disk'), file, 'limited']
  return spawnSync('prlimit', limited, { encoding: 'utf8', timeout: 60_000 })
}

function fullSite(name: string): { disk: string; file: string } {
  const disk = join(site.directory, name)
  mkdirSync(disk)
  const file = join(site.directory, `${name}.json`)
  writeSiteFile({ ...site, directory: disk, path: join(disk, 'evidence.db') }, file)
  return { disk, file }
}

function expectNothingLost(result: FillResult): void {
  expect(result.whileFull.length).toBeGreaterThanOrEqual(4)
  expect(result.after).toEqual([])
  expect(result).toMatchObject({ verifiedWhileFull: 0, readable: true, stillThere: true, findings: [] })
  expect(result.leaves).toBe(result.acknowledged + 1)
}

/** Where the system lets nobody mount (some containers), the limit on file sizes below is what is left to test with. */
const mayMount = spawnSync('bwrap', ['--dev-bind', '/', '/', '--size', '65536', '--tmpfs', '/tmp', 'true']).status === 0

test('a full disk: refused with a code, nothing acknowledged lost, and it goes on once there is room', () => {
  if (!mayMount) return expectNothingLost(JSON.parse(underFileLimit(fullSite('full').file).stdout) as FillResult)
  const { disk, file } = fullSite('full')
  const child = onSmallDisk(disk, file)
  expect(child.stderr).toBe('')
  const result = JSON.parse(child.stdout) as FillResult
  expectNothingLost(result)
  expect(new Set(result.whileFull)).toEqual(new Set(['storage_full']))
  expect(result.openedWhileFull).toBe('storage_full')
}, 90_000)

test('writes that fail for another reason: the same', () => {
  const child = underFileLimit(fullSite('limited').file)
  expect(child.stderr).toBe('')
  const result = JSON.parse(child.stdout) as FillResult
  expectNothingLost(result)
  expect(new Set(result.whileFull)).toEqual(new Set(['storage_failed']))
}, 90_000)
