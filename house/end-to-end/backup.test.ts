import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiClient } from '../../demo/client.ts'
import type { Site } from '../../demo/site.ts'
import { createCryptoProvider } from '../../device/crypto/provider.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { generateSigningKey } from '../../device/crypto/signing.ts'
import { news2Draft } from '../../models/news2/package.ts'
import {
  type Appliance,
  clientFor,
  makeSite,
  news2Body,
  removeSite,
  StartFailure,
  startAppliance,
} from './appliance.ts'
import { verifySite } from './verify-site.ts'

const CLI = fileURLToPath(new URL('../../runtime/bin/wardstone.ts', import.meta.url))
const BODIES = 40
const ORIGIN = 'wardstone.local/development-device'
const NEW_ORIGIN = `${ORIGIN}/2`
const NEW_LOG = { kind: 'log-opened', origin: NEW_ORIGIN, previousOrigin: ORIGIN }

let site: Site
let appliance: Appliance | undefined
let bedside: ApiClient
const backup = () => site.path('../backup')

/** The same box after its disk was lost: what lies outside the database is there, from a copy or from the installer. */
function elsewhere(name: string): Site {
  const root = site.path(`../${name}`)
  cpSync(site.root, root, { recursive: true, filter: (path) => !/\/(data|run)\/.|log\.checkpoint$/.test(path) })
  return { ...site, root, path: (file) => `${root}/${file}` }
}

function wardstone(at: Site, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args, '--site', at.root], {
    encoding: 'utf8',
  })
  return { status, out: stdout, err: stderr }
}

async function start(at: Site): Promise<void> {
  appliance = await startAppliance(at)
  bedside = clientFor('bedside', at, appliance.url)
}

async function stop(): Promise<void> {
  bedside?.close()
  expect(await appliance?.stop()).toBe(0)
  appliance = undefined
}

const decide = async (subject: string) => (await bedside.post('/v1/decisions', news2Body(subject))).status

/** @returns the codes by which the box says why it does not start */
async function refusal(at: Site): Promise<string> {
  try {
    await start(at)
    return 'it started'
  } catch (error) {
    if (error instanceof StartFailure) return /\[([a-z_]+)\]/.exec(error.message)?.[1] ?? error.message
    throw error
  }
}

const firstLeaf = (at: Site) => JSON.parse(wardstone(at, 'audit', 'show', '--leaf', '0', '--json').out).leaf

function setOrigin(at: Site, origin: string): void {
  const config = JSON.parse(readFileSync(at.path('runtime.json'), 'utf8'))
  writeFileSync(at.path('runtime.json'), JSON.stringify({ ...config, log: { ...config.log, origin } }))
}

beforeAll(async () => {
  site = await makeSite([news2Draft()])
  await start(site)
  expect(await decide('before')).toBe(200)
})
afterAll(async () => {
  bedside?.close()
  await appliance?.stop()
  removeSite(site)
})

describe('what docs/operations.md says of backups', () => {
  it('one is made while the box decides, every decision is answered, and the copy is sound', async () => {
    const load = Promise.all(Array.from({ length: BODIES }, (_, index) => decide(`during-${index}`)))
    const made = wardstone(site, 'backup', 'create', backup())
    expect(made).toMatchObject({ status: 0, out: expect.stringMatching(/^Made: .*\nSound: \d+ leaves/) })
    expect((await load).filter((status) => status !== 200 && status !== 504)).toEqual([])
    const report = JSON.parse(wardstone(site, 'backup', 'verify', backup(), '--json').out)
    expect(report).toMatchObject({ result: 'sound' })
  })

  it('it is not put back over a box that runs, nor over a database that is there', async () => {
    expect(wardstone(site, 'backup', 'restore', backup())).toMatchObject({
      status: 20,
      err: expect.stringContaining('storage_locked'),
    })
    expect(await decide('after')).toBe(200)
    await stop()
    expect(wardstone(site, 'backup', 'restore', backup()).err).toContain('storage_restore_occupied')
  })

  it('put back elsewhere it is sound, and the box decides again', async () => {
    const other = elsewhere('restored')
    expect(wardstone(other, 'backup', 'restore', backup())).toMatchObject({ status: 0, err: '' })
    await start(other)
    expect(await decide('again')).toBe(200)
    expect(verifySite(other)).toMatchObject({ code: 0 })
    await stop()
  })

  it('with a newer checkpoint in its place the box sees that decisions are missing, and does not start on it', async () => {
    const other = elsewhere('behind')
    // What the fleet kept: the last the box signed before it was lost.
    cpSync(site.path('log.checkpoint'), other.path('log.checkpoint'))
    expect(wardstone(other, 'backup', 'restore', backup()).status).toBe(0)
    expect(await refusal(other)).toBe('audit_log_rolled_back')

    renameSync(other.path('data/wardstone.db'), other.path('data/wardstone.db.old'))
    setOrigin(other, NEW_ORIGIN)
    await start(other)
    expect(firstLeaf(other)).toMatchObject(NEW_LOG)
    await stop()
  })

  it('one that was changed is refused', () => {
    const bytes = readFileSync(`${backup()}/wardstone.db`)
    const changed = site.path('../changed')
    cpSync(backup(), changed, { recursive: true })
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1
    writeFileSync(`${changed}/wardstone.db`, bytes)
    expect(wardstone(site, 'backup', 'verify', changed).err).toContain('storage_backup_damaged')
  })
})

describe('what docs/operations.md says of new keys', () => {
  it('the old database does not open; with a new one, under a new origin, the box starts, and the first leaf names the old log', async () => {
    const other = elsewhere('new-keys')
    expect(wardstone(other, 'backup', 'restore', backup()).status).toBe(0)
    for (const key of ['keys/database.key', 'keys/subjects.key'])
      writeFileSync(other.path(key), systemRandomness.bytes(32))
    expect(await refusal(other)).toBe('storage_key_wrong')
    rmSync(other.path('data/wardstone.db'))
    cpSync(site.path('log.checkpoint'), other.path('log.checkpoint'))
    setOrigin(other, NEW_ORIGIN)
    await start(other)
    expect(await decide('anew')).toBe(200)
    expect(verifySite(other)).toMatchObject({ code: 0 })
    expect(firstLeaf(other)).toMatchObject(NEW_LOG)
    await stop()
  })

  it('a new key of the log does not vouch for the old checkpoint: the box starts when that is aside', async () => {
    const other = elsewhere('new-log-key')
    const { privatePem, publicPem } = await generateSigningKey(createCryptoProvider())
    writeFileSync(other.path('keys/log.key'), privatePem)
    writeFileSync(other.path('keys/log.pub'), publicPem)
    setOrigin(other, NEW_ORIGIN)
    cpSync(site.path('log.checkpoint'), other.path('log.checkpoint'))
    expect(await refusal(other)).toBe('audit_note_invalid')
    rmSync(other.path('log.checkpoint'))
    await start(other)
    expect(await decide('anew')).toBe(200)
    await stop()
  })
})
