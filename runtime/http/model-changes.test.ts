import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { silentLog } from '../../device/platform/log.ts'
import { ControlError } from '../../models/store/control-errors.ts'
import { HttpError } from './errors.ts'
import { examples } from './openapi-examples.ts'
import { ReleaseFolders } from './release-folders.ts'
import { createTestSite, type TestSite } from './testkit/certificates.ts'
import { codeIn, pause, type Reply, type TestClient } from './testkit/client.ts'
import { FakeUpdater } from './testkit/fakes.ts'
import { startTestServer, type TestServer } from './testkit/test-server.ts'
import { BOUNDARY, FORM_DATA, partsOf, type SentPart } from './testkit/uploads.ts'

let site: TestSite
let server: TestServer
let engineer: TestClient
beforeAll(async () => {
  site = await createTestSite()
})
beforeEach(async () => {
  server = await startTestServer(site)
  engineer = await server.as('engineer')
})
afterEach(() => server.app.close())

const part = (
  name: string,
  bytes: string | Uint8Array,
  type = 'application/octet-stream',
  file = `${name}.x`,
): SentPart => ({
  headers: [`Content-Disposition: form-data; name="${name}"; filename="${file}"`, `Content-Type: ${type}`],
  bytes,
})
const asked = (request: unknown = { kind: 'install', activate: false }): SentPart => ({
  headers: ['Content-Disposition: form-data; name="request"', 'Content-Type: application/json'],
  bytes: typeof request === 'string' ? request : JSON.stringify(request),
})
const files = [part('package', 'PACKAGE'), part('image', '{"i":1}', 'application/json'), part('grant', '{"g":1}')]
const send = (parts: readonly SentPart[], client = engineer): Promise<Reply> =>
  client.call('/v1/model-jobs', { body: partsOf(...parts), headers: { 'content-type': FORM_DATA } })
/** Entries of the uploads; none when there never were any. */
const laidDown = () => (existsSync(server.uploads) ? readdirSync(server.uploads) : [])
const changes = () => server.ledger.ofKind('change-asked')

describe('a release that is sent', () => {
  it('is laid down for the updater, in the name of the client, and gone when its job has ended', async () => {
    const seen: Record<string, string> = {}
    server.updater.onAsk = (method) => {
      if (method !== 'install') return
      const folder = String(server.updater.asked.at(-1)?.[1])
      for (const name of readdirSync(folder)) seen[name] = readFileSync(join(folder, name), 'utf8')
      expect(statSync(folder).mode & 0o777).toBe(0o755)
      expect(changes()).toMatchObject([{ change: 'install', client: 'engineer-1', role: 'engineer' }])
    }
    const reply = await send([asked({ kind: 'install', activate: true }), ...files.toReversed()])
    expect([reply.status, reply.json]).toEqual([202, examples.ModelJob])
    expect(seen).toEqual({ 'package.wspkg': 'PACKAGE', 'image.json': '{"i":1}', 'grant.json': '{"g":1}' })
    expect(server.updater.asked.find(([method]) => method === 'install')?.slice(2)).toEqual([true, 'engineer-1'])
    await pause(100)
    expect(laidDown()).toHaveLength(2)
    server.updater.currentJob = { ...server.updater.currentJob, state: 'failed', code: 'fetch_disk_full' }
    await pause(200)
    expect(laidDown()).toEqual([])
  })

  it.each([
    ['nothing after the request', [asked()], 400],
    ['no request', files, 400],
    ['the request last', [...files, asked()], 400],
    ['a file missing', [asked(), ...files.slice(1)], 400],
    ['a file twice', [asked(), ...files.slice(0, 2), part('package', 'x')], 400],
    ['a file more', [asked(), ...files, part('grant', 'x')], 413],
    ['another name', [asked(), ...files.slice(0, 2), part('../grant', 'x')], 400],
    ['no name', [asked(), { headers: ['Content-Type: application/octet-stream'], bytes: 'x' }], 400],
    ['another type', [asked(), part('package', 'x', 'text/html')], 415],
    ['a request that is no JSON', [asked('{'), ...files], 400],
    ['a request that says it twice', [asked('{"kind":"install","kind":"install","activate":false}'), ...files], 400],
    ['a request for something else', [asked({ kind: 'activate', package: 'a'.repeat(64) }), ...files], 400],
    ['a path in the request', [asked({ kind: 'install', activate: false, path: '/etc' }), ...files], 400],
    ['a request of two megabytes', [asked(' '.repeat(2 * 1024 * 1024)), ...files], 413],
    ['metadata of five megabytes', [asked(), part('image', Buffer.alloc(5 * 1024 * 1024))], 413],
  ] as [string, SentPart[], number][])('is refused with nothing left of it: %s', async (_, parts, status) => {
    const reply = await send(parts)
    expect([reply.status, codeIn(reply.text)?.startsWith('request_')]).toEqual([status, true])
    expect(laidDown()).toEqual([])
    expect([server.updater.asked, changes()]).toEqual([[], []])
  })

  it.each(['../../evil', '/etc/passwd', 'package.wspkg\0.js', '..', 'C:\\x', 'a'.repeat(3000)])(
    'its file names decide nothing: %j',
    async (name) => {
      const named = files.map((file, index) =>
        part(['package', 'image', 'grant'][index]!, file.bytes, 'application/octet-stream', name),
      )
      const reply = await send([asked(), ...named])
      if (reply.status === 202) {
        const folder = String(server.updater.asked[0]?.[1])
        expect(dirname(folder)).toBe(server.uploads)
        expect(readdirSync(folder).sort()).toEqual(['grant.json', 'image.json', 'package.wspkg'])
      } else expect([400, 431]).toContain(reply.status)
      expect(readdirSync(dirname(server.uploads)).filter((entry) => entry !== 'uploads')).toEqual([])
    },
  )

  it('holds the size of the package where its length is said, and where it is not', async () => {
    const small = await startTestServer(site, { limits: { maxReleaseBytes: 1000, maxReleaseMetadataBytes: 1000 } })
    const client = await small.as('engineer')
    expect((await send([asked(), part('package', 'x'.repeat(1001))], client)).status).toBe(413)
    const body = partsOf(asked(), part('package', 'x'.repeat(3_000_000)))
    const head = `POST /v1/model-jobs HTTP/1.1\r\nHost: b\r\nContent-Type: ${FORM_DATA}\r\n`
    expect(codeIn(await client.raw(`${head}Content-Length: 99999999\r\n\r\n`))).toBe('request_too_large')
    const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
    expect(codeIn(await client.raw(chunked))).toBe('request_too_large')
    expect(small.updater.asked).toEqual([])
    await small.app.close()
  })

  it('one at a time; a sender that goes away leaves the place and nothing else', async () => {
    const slow = await engineer.open()
    const body = partsOf(asked(), ...files)
    slow.write(
      `POST /v1/model-jobs HTTP/1.1\r\nHost: b\r\nContent-Type: ${FORM_DATA}\r\nContent-Length: ${body.length}\r\n\r\n`,
    )
    slow.write(body.subarray(0, body.length - 100))
    await pause(100)
    const second = await send([asked(), ...files], await server.as('engineer', 'engineer-2'))
    expect([second.status, second.headers['retry-after']]).toEqual([429, '5'])
    expect((await engineer.call('/v1/health')).status).toBe(200)
    slow.socket.destroy()
    await pause(100)
    expect(laidDown()).toEqual([])
    expect((await send([asked(), ...files])).status).toBe(202)
  })

  it('a sender that stops in the middle is given up', async () => {
    const hasty = await startTestServer(site, { limits: { uploadSilenceMs: 150 } })
    const client = await hasty.as('engineer')
    const head = `POST /v1/model-jobs HTTP/1.1\r\nHost: b\r\nContent-Type: ${FORM_DATA}\r\nContent-Length: 100000\r\n\r\n`
    expect(codeIn(await client.raw(`${head}--${BOUNDARY}\r\n`))).toBe('request_timeout')
    await hasty.app.close()
  })

  it.each([
    ['boundary', 'multipart/form-data', {}, '/v1/model-jobs', 400],
    ['a strange boundary', `multipart/form-data; boundary="${'x'.repeat(71)}"`, {}, '/v1/model-jobs', 400],
    ['a query', FORM_DATA, {}, '/v1/model-jobs?path=/etc', 400],
    ['compressed', FORM_DATA, { 'content-encoding': 'gzip' }, '/v1/model-jobs', 415],
    ['related', `multipart/related; boundary=${BOUNDARY}`, {}, '/v1/model-jobs', 415],
    ['where no release is taken', FORM_DATA, {}, '/v1/model-jobs/0f8c1e526f0e4f5b/cancel', 415],
    ['from another site', FORM_DATA, { origin: 'https://intranet.example' }, '/v1/model-jobs', 403],
  ] as [string, string, Record<string, string>, string, number][])(
    'is refused by its head: %s',
    async (_, type, headers, path, status) => {
      const body = partsOf(asked(), ...files)
      const reply = await engineer.call(path, { body, headers: { 'content-type': type, ...headers } })
      expect(reply.status).toBe(status)
      expect([laidDown(), server.updater.asked]).toEqual([[], []])
    },
  )

  it('of a role that may not is refused before it is read', async () => {
    for (const role of ['bedside', 'clinician', 'officer'] as const) {
      const reply = await send([asked(), ...files], await server.as(role))
      expect([reply.status, reply.json.error?.code]).toEqual([403, 'access_denied'])
    }
    expect([laidDown(), server.updater.asked]).toEqual([[], []])
  })

  it('leaves nothing where the updater does not take it, or the place is none', async () => {
    server.updater.onAsk = () => {
      throw new HttpError('updater_unreachable')
    }
    expect((await send([asked(), ...files])).json.error?.code).toBe('updater_unreachable')
    expect(laidDown()).toEqual([])
    rmSync(server.uploads, { recursive: true, force: true })
    symlinkSync(tmpdir(), server.uploads)
    expect((await send([asked(), ...files])).json.error?.code).toBe('upload_failed')
    rmSync(server.uploads)
    writeFileSync(server.uploads, '')
    expect((await send([asked(), ...files])).json.error?.code).toBe('upload_failed')
  })
})

describe('what a process before has left', () => {
  it('is removed, but for what a job may still read', async () => {
    const root = mkdtempSync(join(tmpdir(), 'wardstone-left-'))
    const updater = new FakeUpdater()
    const folders = new ReleaseFolders({ root, updater, randomness: systemRandomness, log: silentLog, pollMs: 10 })
    const [kept, broken, foreign] = ['a'.repeat(32), 'b'.repeat(32), 'notes']
    for (const name of [kept, broken, foreign]) mkdirSync(join(root, name))
    writeFileSync(join(root, `${kept}.job`), '0f8c1e526f0e4f5b')
    updater.onAsk = () => {
      throw new HttpError('updater_unreachable')
    }
    await folders.sweep()
    await pause(60)
    expect(readdirSync(root).sort()).toEqual([kept, `${kept}.job`, foreign])
    updater.onAsk = () => {
      throw new ControlError('control_job_unknown')
    }
    await pause(80)
    expect(readdirSync(root)).toEqual([foreign])
    folders.close()
    rmSync(root, { recursive: true })
  })
})

describe('a change of what the box has', () => {
  const newer = examples.ModelStore.staged[0]!.package
  const activate = { kind: 'activate', package: newer, confirm: 'news2 1.2.0' }
  const post = (body: unknown) => engineer.post('/v1/model-jobs', body)

  it('is asked in the name of the client, and recorded before it is', async () => {
    server.updater.onAsk = (method) => {
      if (method === 'activate')
        expect(changes()).toMatchObject([{ change: 'activate', slot: 'news2', package: newer }])
    }
    const reply = await post(activate)
    expect([reply.status, reply.json]).toEqual([202, examples.ModelJob])
    expect(server.updater.asked).toEqual([['list'], ['activate', newer, 'engineer-1']])
  })

  it('goes back to what ran before, when that is what is meant', async () => {
    const [slot] = server.updater.store.slots
    const previous = { ...slot!.active!, package: 'c'.repeat(64), version: '0.9.0' }
    server.updater.store = { ...server.updater.store, slots: [{ ...slot!, previous }] }
    const rollback = { kind: 'rollback', slot: 'news2' }
    expect((await post({ ...rollback, confirm: 'news2 1.0.0' })).json.error?.code).toBe('change_not_confirmed')
    expect((await post({ ...rollback, confirm: 'news2 0.9.0' })).status).toBe(202)
    expect(server.updater.asked.at(-1)).toEqual(['rollback', 'news2', 'engineer-1'])
  })

  it.each([
    ['another version', { ...activate, confirm: 'news2 1.1.0' }, 409, 'change_not_confirmed'],
    ['another slot', { ...activate, confirm: 'sepsis-risk 1.2.0' }, 409, 'change_not_confirmed'],
    ['a release that is not there', { ...activate, package: 'd'.repeat(64) }, 404, 'control_release_unknown'],
    ['a slot that is not there', { kind: 'rollback', slot: 'x', confirm: 'x 1.0.0' }, 404, 'control_slot_unknown'],
    [
      'nothing to go back to',
      { kind: 'rollback', slot: 'news2', confirm: 'news2 1.0.0' },
      409,
      'control_rollback_empty',
    ],
    ['no confirmation', { kind: 'activate', package: newer }, 400, 'request_malformed'],
    ['a path for a package', { ...activate, package: '../../../etc' }, 400, 'request_malformed'],
    ['a member more', { ...activate, force: true }, 400, 'request_malformed'],
    ['an install without its files', { kind: 'install', activate: true }, 400, 'request_malformed'],
  ] as [string, unknown, number, string][])('does nothing: %s', async (_, body, status, code) => {
    const reply = await post(body)
    expect([reply.status, reply.json.error?.code]).toEqual([status, code])
    expect(server.updater.asked.filter(([method]) => method !== 'list')).toEqual([])
    expect(changes()).toEqual([])
  })

  it('says what the updater says, and what to do about a job that failed', async () => {
    server.updater.onAsk = (method) => {
      if (method === 'activate') throw new ControlError('control_slot_busy')
    }
    expect((await post(activate)).json.error?.code).toBe('control_slot_busy')
    const failed = {
      ...server.updater.currentJob,
      state: 'failed',
      code: 'package_grant_expired',
      message: 'x',
    } as const
    server.updater.store = { ...server.updater.store, jobs: [failed] }
    const jobs = (await engineer.call('/v1/model-jobs')).json as unknown as { jobs: { todo: string }[] }
    expect(jobs.jobs[0]?.todo).toContain('ask the fleet operator for a new grant')
  })

  it.each([
    ['prove', 'The model does not reproduce its golden vectors on this device.'],
    ['fetch', 'what the updater says'],
  ] as const)('says of a job that failed at the step %s what only its owner knows', async (step, message) => {
    const code = 'inference_self_test_failed'
    const failed = {
      ...server.updater.currentJob,
      state: 'failed',
      step,
      code,
      message: 'what the updater says',
    } as const
    server.updater.store = { ...server.updater.store, jobs: [failed] }
    expect((await engineer.call('/v1/model-jobs')).json).toMatchObject({ jobs: [{ code, message }] })
  })

  it('can be given up', async () => {
    const path = '/v1/model-jobs/0f8c1e526f0e4f5b/cancel'
    expect((await engineer.post(path, {})).status).toBe(200)
    expect(server.updater.asked).toEqual([['cancel', '0f8c1e526f0e4f5b']])
    expect(changes()).toMatchObject([{ change: 'cancel', job: '0f8c1e526f0e4f5b', client: 'engineer-1' }])
    expect((await engineer.post(path, { now: true })).status).toBe(400)
    expect((await engineer.post('/v1/model-jobs/..%2f..%2fx/cancel', {})).status).toBe(400)
  })
})

describe('a model whole', () => {
  it('is told to those who look after models, and to nobody else', async () => {
    expect((await engineer.call('/v1/models/news2')).json).toEqual(examples.ModelDetail)
    server.describe.on = () => undefined
    expect((await engineer.call('/v1/models/news2')).json.error?.code).toBe('model_unknown')
    expect((await engineer.call('/v1/models/..%2fx')).json.error?.code).toBe('request_malformed')
    expect((await (await server.as('clinician')).call('/v1/models/news2')).status).toBe(403)
  })
})
