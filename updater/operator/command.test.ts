import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../device/checkpoint/checkpoint.ts'
import { verifierKeyText } from '../../device/checkpoint/signed-note.ts'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { systemClock } from '../../device/platform/clock.ts'
import { parseCsv } from '../../house/csv.ts'
import { fleetCommand } from './command.ts'
import { deviceLine } from './device-list.ts'
import { helps } from './help.ts'
import { openFleetStore } from './store.ts'
import { FleetCertificates, writeParty } from './testkit/fleet-certificates.ts'
import { decisionsOf, onlineOf, TestLog } from './testkit/test-device.ts'

const ENTRY = fileURLToPath(new URL('../bin/wardstone-fleet.ts', import.meta.url))
const DEVICE = 'north/box-1'

let folder: string
let config: string
let log: TestLog
const at = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wardstone-fleet-cli-'))
  log = await TestLog.create('log.test/box-1')
  writeParty(folder, 'fleet', await (await FleetCertificates.create()).issue('fleet'))
  const key = verifierKeyText({ name: log.origin, publicKey: log.verifier.publicKey })
  writeFileSync(at('devices.txt'), `# our devices\n\n${deviceLine(DEVICE, key)}`)
  writeFileSync(at('log.pub'), log.publicPem)
  writeFileSync(at('catalogue.json'), '{"v":1,"models":[{"number":1,"model":"news2","release":1,"version":"1.0.0"}]}')
  config = writeConfig('fleet.json', {})
  const note = await log.note(42)
  const store = openFleetStore(at('fleet.db'))
  const nowMs = Date.now()
  store.commit([{ device: DEVICE, kind: 'decisions', message: decisionsOf(1, 1, 30) }], Date.UTC(2026, 2, 1))
  store.commit(
    [
      { device: DEVICE, kind: 'decisions', message: decisionsOf(1, 31, 14) },
      { device: DEVICE, kind: 'state', message: onlineOf(1, 3, 50), isRetained: false },
      {
        device: DEVICE,
        kind: 'checkpoint',
        checkpoint: { origin: log.origin, size: 42, root: '00'.repeat(32), note },
        listening: { sinceMs: 0, largest: 0 },
      },
    ],
    nowMs,
  )
  store.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function writeConfig(name: string, change: Readonly<Record<string, unknown>>): string {
  const base = {
    collector: 'fleet',
    broker: 'mqtts://127.0.0.1:1',
    authority: 'authority.pem',
    certificate: 'fleet.pem',
    key: 'fleet.key',
    database: 'fleet.db',
    devices: 'devices.txt',
    catalogue: 'catalogue.json',
  }
  writeFileSync(at(name), JSON.stringify({ ...base, ...change }))
  return at(name)
}

/** Runs a command in this process; it is asked to stop at once. */
async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const texts = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => ({
    write: (text: string | Uint8Array, done?: () => void) => {
      texts[name] += Buffer.from(text).toString()
      done?.()
    },
  })
  const io = { stdout: stream('stdout'), stderr: stream('stderr'), clock: systemClock, randomness: systemRandomness }
  const code = await fleetCommand(args, { ...io, stopAsked: Promise.resolve() })
  return { code, ...texts }
}

describe('wardstone-fleet', () => {
  it('explains itself and every command, with examples and exit codes', async () => {
    const { code, stdout } = await run('help')
    expect([code, stdout]).toEqual([0, expect.stringContaining('Each command explains itself')])
    for (const [name, help] of Object.entries(helps)) {
      expect(stdout).toContain(`  ${name}`)
      expect(await run(name, '--help')).toEqual({ code: 0, stdout: help, stderr: '' })
      expect(help).toMatch(/^Usage: wardstone-fleet [\s\S]*Examples:[\s\S]*Exit codes: /)
    }
  })

  it.each(['sing', 'constructor'])('says of %j that there is no such command, and where they all are', async (name) => {
    const said = expect.stringMatching(/there is no command[\s\S]*wardstone-fleet help/)
    expect(await run(name)).toEqual({ code: 2, stdout: '', stderr: said })
  })

  it.each([
    [],
    ['watch', '--loud'],
    ['watch', 'me'],
    ['watch', '--interval', 'soon'],
    ['watch', '--interval', '0'],
    ['export', '--format', 'parquet'],
    ['export', '--from', 'yesterday'],
    ['export', '--from', '2026-03-02', '--to', '2026-03-01'],
    ['export', '--out'],
    ['checkpoints'],
    ['checkpoints', '../etc'],
    ['checkpoints', DEVICE, DEVICE],
    ['device-line', DEVICE],
    ['serve', '--once'],
  ])('answers %j with its usage and 2', async (...args) => {
    const { code, stdout, stderr } = await run(...args)
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining('Usage: wardstone-fleet')])
  })

  it('runs as a program of its own', async () => {
    const { promise, resolve } = Promise.withResolvers<{ code: unknown; stdout: string }>()
    execFile(process.execPath, [ENTRY, 'watch', '--config', config, '--once', '--json'], (error, stdout) =>
      resolve({ code: error?.code ?? 0, stdout }),
    )
    const { code, stdout } = await promise
    expect([code, JSON.parse(stdout).stored]).toEqual([0, 44])
  })
})

describe('serve', () => {
  it('names everything that is wrong with its configuration at once', async () => {
    const wrong = { broker: 'mqtt://plain:1883', group: 'a/b', protocol: 3, extra: 1, key: undefined }
    const { code, stderr } = await run('serve', '--config', writeConfig('wrong.json', wrong))
    expect([code, stderr]).toEqual([1, expect.stringContaining('config_invalid')])
    for (const name of ['broker', 'group', 'protocol', 'extra', 'key']) expect(stderr).toContain(name)
  })

  it('names everything that is wrong with the files it names at once', async () => {
    writeFileSync(at('open.key'), readFileSync(at('fleet.key')))
    chmodSync(at('open.key'), 0o644)
    writeFileSync(at('wrong-devices.txt'), 'north/box-1 nokey\nnorth\n')
    const wrong = { authority: 'none.pem', certificate: 'log.pub', key: 'open.key', devices: 'wrong-devices.txt' }
    const { code, stderr } = await run('serve', '--config', writeConfig('wrong.json', wrong))
    expect([code, stderr]).toEqual([1, expect.stringContaining('fleet_config_invalid')])
    for (const fault of [
      'authority: ENOENT',
      'certificate: not a PEM file',
      'key: readable by others',
      'devices: line 1: the key',
      'devices: line 2: not in the form',
    ]) {
      expect(stderr).toContain(fault)
    }
  })

  it('refuses two devices that the broker could not tell apart', async () => {
    const [, key = ''] = readFileSync(at('devices.txt'), 'utf8')
      .trim()
      .split(/\s+(?=log)/)
    writeFileSync(at('twins.txt'), deviceLine('north/box-1', key) + deviceLine('south/box-1', key))
    const { stderr } = await run('serve', '--config', writeConfig('twins.json', { devices: 'twins.txt' }))
    expect(stderr).toContain('devices: line 2: a device id that is listed before')
  })

  it('stops in order, also while no broker answers', async () => {
    expect(await run('serve', '--config', config)).toMatchObject({ code: 0, stdout: '' })
  })
})

describe('watch', () => {
  it('shows each device once, in words', async () => {
    const { code, stdout } = await run('watch', '--config', config, '--once')
    expect(code).toBe(0)
    expect(stdout).toMatch(/1 device: 1 online {2}44 records/)
    expect(stdout).toMatch(/last minute: 14 records, 2 alerts/)
    expect(stdout).toMatch(/north\/box-1 +online +\d+ s +44 +14 +6 +42 +\d+ s +0$/m)
  })

  it('gives the same as one JSON object', async () => {
    const { stdout } = await run('watch', '--config', config, '--once', '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      stored: 44,
      alertsLastMinute: 2,
      devices: [{ device: DEVICE, state: 'online', boot: 3, waiting: 6, checkpoint: { size: 42 } }],
      findings: [],
    })
  })

  it('says when there is no database yet', async () => {
    const other = writeConfig('other.json', { database: 'none.db' })
    expect(await run('watch', '--config', other, '--once')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('fleet_store_unreadable'),
    })
  })
})

describe('export', () => {
  it('writes what was received in a span, from its first moment to before its last', async () => {
    const out = at('out.csv')
    const span = ['--from', '2026-03-01', '--to', '2026-03-02']
    const { code, stdout } = await run('export', '--config', config, ...span, '--out', out)
    expect([code, stdout]).toEqual([0, `30 records of 1 devices in ${out}\n  ${DEVICE}  30\n`])
    expect(statSync(out).mode & 0o777).toBe(0o600)
    const rows = parseCsv(readFileSync(out, 'utf8'))
    expect(rows.map((row) => Number(row.sequence))).toEqual(Array.from({ length: 30 }, (_, index) => index + 1))
    expect(rows[0]).toMatchObject({ model: 'news2', version: '1.0.0' })
    const before = await run('export', '--config', config, '--to', '2026-03-01', '--json', '--out', out)
    expect(JSON.parse(before.stdout)).toMatchObject({ records: 0, devices: {}, format: 'csv', out })
  })

  it('keeps standard output for the records', async () => {
    const { stdout, stderr } = await run('export', '--config', config, '--format', 'ndjson', '--json')
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).sequence),
    ).toHaveLength(44)
    expect(JSON.parse(stderr)).toMatchObject({ records: 44, devices: { [DEVICE]: 44 } })
  })

  it('says what is wrong with its catalogue or its file', async () => {
    writeFileSync(at('wrong-catalogue.json'), '{}')
    const other = writeConfig('other.json', { catalogue: 'wrong-catalogue.json' })
    expect((await run('export', '--config', other)).stderr).toContain('catalogue: outbound_catalogue_invalid')
    const nowhere = await run('export', '--config', config, '--out', at('none/out.csv'))
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining('fleet_export_failed')])
  })
})

describe('checkpoints, findings and device-line', () => {
  it('print the newest checkpoint byte for byte as it was signed', async () => {
    const { code, stdout } = await run('checkpoints', DEVICE, '--config', config)
    expect([code, stdout]).toEqual([0, await log.note(42)])
    expect(await openCheckpoint(stdout, log.verifier, log.origin)).toMatchObject({ size: 42 })
    const { stdout: json } = await run('checkpoints', DEVICE, '--config', config, '--json')
    expect(JSON.parse(json)).toMatchObject({ device: DEVICE, checkpoints: [{ size: 42 }] })
    expect((await run('checkpoints', 'north/box-7', '--config', config)).stderr).toContain('fleet_device_unknown')
  })

  it('end with 3 when there is a finding, and show its evidence', async () => {
    const path = writeConfig('findings.json', { database: 'findings.db' })
    const store = openFleetStore(at('findings.db'))
    expect(await run('findings', '--config', path)).toMatchObject({ code: 0, stdout: 'Nothing was found.\n' })
    store.commit([{ device: DEVICE, kind: 'fault', fault: { kind: 'checkpoint-forked', evidence: 'a note\n' } }], 1)
    store.close()
    const { code, stdout } = await run('findings', '--config', path)
    expect([code, stdout]).toEqual([3, expect.stringMatching(/north\/box-1 {2}checkpoint-forked {2}1×[\s\S]*a note/)])
    const { stdout: json } = await run('findings', '--config', path, '--json')
    expect(JSON.parse(json)).toMatchObject({ findings: [{ device: DEVICE, times: 1, evidence: 'a note\n' }] })
  })

  it('make a line that the list of devices takes', async () => {
    const args = [DEVICE, '--origin', log.origin, '--log-key', at('log.pub')]
    const { code, stdout } = await run('device-line', ...args)
    expect([code, stdout]).toEqual([0, readFileSync(at('devices.txt'), 'utf8').split('\n\n')[1]])
    expect((await run('device-line', ...args.slice(0, -1), at('none'))).stderr).toContain('fleet_config_invalid')
  })
})

describe('an answer that cannot be written', () => {
  it.each(['export', 'checkpoints'])('is no success: %s', async (command) => {
    const args = [ENTRY, command, ...(command === 'export' ? [] : [DEVICE]), '--config', config]
    const line = 'node=$1; shift; exec "$node" "$@" > /dev/full'
    const code = await new Promise((resolve) =>
      execFile('sh', ['-c', line, 'sh', process.execPath, ...args], (error) => resolve(error?.code ?? 0)),
    )
    expect(code).toBe(1)
  })
})
