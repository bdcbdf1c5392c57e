import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../house/source-tree.ts'
import { runtimeConfigSchema } from '../runtime/config.ts'
import { egressConfigSchema } from '../runtime/egress/config.ts'
import { updaterConfigSchema } from '../updater/config.ts'
import { readTable, readUnits } from './testkit/unit-file.ts'

const example = (name: string): unknown => JSON.parse(readFileSync(join(root, 'systemd/examples', name), 'utf8'))
const runtime = runtimeConfigSchema.parse(example('runtime.json'))
const egress = egressConfigSchema.parse(example('egress.json'))
const updater = updaterConfigSchema.parse(example('updater.json'))
const page = readFileSync(join(root, 'docs/operations.md'), 'utf8')

/** Rows of the tables of one section whose first column is of this form. */
function rows(section: string, first: RegExp): string[][] {
  const text = page.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? ''
  return text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.slice(1, -1).split('|'))
    .map((cells) => cells.map((cell) => cell.trim()))
    .filter(([cell = '']) => first.test(cell))
}

/** `group name` or a user, as tmpfiles.conf and the socket's own mode have it: who may open a socket in this folder. */
function mayAsk(path: string): { served: string; asks: string } {
  const [, , mode = '', user = '', group = ''] =
    readTable('tmpfiles.conf').find(([, folder]) => folder === path.slice(0, path.lastIndexOf('/'))) ?? []
  return { served: user, asks: mode === '0700' ? user : `group ${group}` }
}

describe('docs/operations.md', () => {
  const section = 'Processes, ports and sockets'

  it('has the ports that the examples of the configuration listen on and go to', () => {
    const ports = rows(section, /^\d+\/tcp$/).map(([port, way, process]) => `${port} ${way} ${process}`)
    // What really listens is counted in house/end-to-end/units.test.ts.
    expect(runtime.oip).toBeUndefined()
    expect(ports).toEqual([
      `${runtime.listen.port}/tcp in runtime`,
      '8001/tcp in runtime',
      `${egress.broker.port}/tcp out egress`,
      '443/tcp out updater',
    ])
  })

  it('has each socket of the configuration and of the units, who serves it and who may ask', () => {
    const served = [`${runtime.run}/audit.sock`, runtime.updater?.activation, egress.socket, updater.control.socket]
    const wanted = served.map((path = '') => ({ path, ...mayAsk(path) }))
    const listening = readUnits().flatMap((unit) =>
      unit.words('ListenStream').map((path) => ({ path, served: 'systemd', asks: unit.one('SocketUser') ?? '' })),
    )
    const byPath = (a: { path: string }, b: { path: string }) => a.path.localeCompare(b.path)
    const said = rows(section, /^`\/run/).map(([path = '', who = '', asks = '']) => ({
      path: path.replaceAll('`', ''),
      served: who.replaceAll('`', ''),
      asks: asks.replaceAll('`', ''),
    }))
    expect(said.toSorted(byPath)).toEqual([...wanted, ...listening].toSorted(byPath))
  })

  it('has each service with its user and its memory', () => {
    const said = rows(section, /^`wardstone-.*\.service`$/).map(([unit = '', user = '', memory = '']) => ({
      unit: unit.replaceAll('`', ''),
      user: user.replaceAll('`', ''),
      memory: memory.replace(' GiB', 'G').replace(' % of the machine', '%'),
    }))
    const services = readUnits().filter(({ name }) => name.endsWith('.service'))
    const wanted = services.map((unit) => ({
      unit: unit.name,
      user: unit.one('User') ?? 'one that exists for it alone',
      memory: unit.one('MemoryMax'),
    }))
    const byUnit = (a: { unit: string }, b: { unit: string }) => a.unit.localeCompare(b.unit)
    expect(said.toSorted(byUnit)).toEqual(wanted.toSorted(byUnit))
  })

  it('has each key of the runtime where it says how keys are changed and kept', () => {
    const keys = readUnits().flatMap((unit) =>
      unit.all('LoadCredentialEncrypted').map((value) => value.split(':')[0] ?? ''),
    )
    expect(keys).toHaveLength(5)
    for (const key of keys) expect(page).toContain(key)
  })

  it('names every alarm', () => {
    const said = rows('What each alarm means', /./).flat().join(' ')
    const codes = alarmCodes()
    expect(codes.length).toBeGreaterThan(25)
    expect(codes.filter((code) => !said.includes(`\`${code}\``))).toEqual([])
  })

  it('names no code that there is not', () => {
    const known = readFileSync(join(root, 'docs/errors.md'), 'utf8')
    const said = rows('When it does not start', /^`/).flatMap(([cell = '']) =>
      [...cell.matchAll(/`([a-z_]+)`/g)].map(([, code = '']) => code),
    )
    expect(said.length).toBeGreaterThan(8)
    expect(said.filter((code) => !known.includes(`| \`${code}\` |`))).toEqual([])
  })

  it('names a sealed key wherever it is sealed or opened: systemd takes the name of the file else, and refuses', () => {
    const texts = [page, ...['keys.sh', 'install.sh'].map((name) => readFileSync(join(root, 'systemd', name), 'utf8'))]
    const calls = texts.flatMap((text) => text.match(/systemd-creds (?:de|en)crypt .*/g) ?? [])
    expect(calls.length).toBeGreaterThan(4)
    for (const call of calls)
      expect(call).toMatch(/^systemd-creds (?:de|en)crypt --name=(\S+) .*(\1\.cred|\$1\.cred\.new)/)
  })

  it('stops everything by a name that systemctl waits for, and runs as the account of the runtime what writes its files', () => {
    const stops = [...page.matchAll(/`systemctl stop ([^`]+)`/g)].map(([, what]) => what)
    expect(stops.filter((what) => what === "'wardstone*'").length).toBeGreaterThan(1)
    // Named once, to say that it does not wait.
    expect(stops.filter((what) => what !== "'wardstone*'")).toEqual(['wardstone.target'])
    for (const [line] of page.matchAll(/.*wardstone (?:backup (?:create|restore) \/|audit verify).*/g))
      expect(line).toContain('runuser -u wardstone -- wardstone')
  })
})

/** From where alarms are raised; a certificate's are named by their last word there. */
function alarmCodes(): string[] {
  const files = [
    ...['decisions/alarms', 'decisions/revocation-watch', 'egress/link-faults'].map((name) => `runtime/${name}.ts`),
    ...['device-report', 'device-watch', 'posture'].map((name) => `device/posture/${name}.ts`),
  ]
  return files.flatMap((file) => {
    const source = readFileSync(join(root, file), 'utf8')
    const plain = [
      ...source.matchAll(/(?:code: |secureBoot: |diskEncryption: |tpm: |swap: |coreDumps: |\()\s*'([a-z]+_[a-z_]+)'/g),
    ]
    const certificate = [...source.matchAll(/\badd\('([a-z]+)'/g)].map(([, word]) => `device_certificate_${word}`)
    return [...plain.map(([, code = '']) => code), ...certificate]
  })
}

describe('the examples of the configuration', () => {
  it('agree with each other: each asks where the other listens, of the same device, store and keepers', () => {
    expect(runtime.egress?.socket).toBe(egress.socket)
    expect(egress.access).toBe('group')
    expect(runtime.updater).toMatchObject({ activation: updater.runtime.socket, control: updater.control.socket })
    expect(updater.control.access).toBe('group')
    expect(runtime.store).toBe(updater.store)
    expect([runtime.deviceId, runtime.deviceId]).toEqual([updater.deviceId, egress.device])
    expect([runtime.trust.vendor, runtime.trust.fleet]).toEqual([updater.trust.vendor, updater.trust.fleet])
    expect(runtime.inference.isolation).toBe('required')
  })

  it('let each process reach the sockets that it asks at, and no others', () => {
    const groupsOf = (user: string) =>
      readTable('sysusers.conf').flatMap(([kind, name = '', group = '']) =>
        kind === 'm' && name === user ? [group] : kind === 'u' && name === user ? [user] : [],
      )
    const sockets = {
      [egress.socket]: ['wardstone'],
      [updater.control.socket]: ['wardstone'],
      [updater.runtime.socket]: ['wardstone-updater'],
    }
    for (const [socket, askers] of Object.entries(sockets)) {
      const { served, asks } = mayAsk(socket)
      const may = ['wardstone', 'wardstone-egress', 'wardstone-updater'].filter(
        (user) => user !== served && groupsOf(user).includes(asks.replace('group ', '')),
      )
      expect([socket, may]).toEqual([socket, askers])
    }
  })

  it('name what lasts where the unit may write, and keys where systemd puts them', () => {
    const unit = (name: string) => readUnits().find((each) => each.name === name)
    const writable = (name: string, path: string) =>
      unit(name)
        ?.words('ReadWritePaths')
        .some((folder) => path.startsWith(`${folder}/`)) ?? false
    const uploads = runtime.updater?.uploads ?? ''
    expect(unit('wardstone-runtime.service')?.words('ReadWritePaths')).toContain(uploads)
    expect(mayAsk(`${uploads}/x`)).toEqual({ served: 'wardstone', asks: 'group wardstone-updater' })
    for (const path of [runtime.database.path, runtime.log.checkpoint ?? '', runtime.device?.identity?.key ?? ''])
      expect([path, writable('wardstone-runtime.service', path)]).toEqual([path, true])
    for (const path of [egress.queue, egress.broker.key, egress.broker.certificate, egress.socket])
      expect([path, writable('wardstone-egress.service', path)]).toEqual([path, true])
    for (const path of [updater.store, updater.control.socket])
      expect([path, writable('wardstone-updater.service', path)]).toEqual([path, true])
    const keys = [runtime.tls.key, runtime.database.key, runtime.subjectsKey, runtime.log.key, runtime.trust.packageKey]
    const loaded = unit('wardstone-runtime.service')?.all('LoadCredentialEncrypted') ?? []
    const places = loaded.map((value) => `/run/credentials/wardstone-runtime.service/${value.split(':')[0]}`)
    expect(keys.toSorted()).toEqual(places.toSorted())
  })

  it('are all looked at', () => {
    expect(readdirSync(join(root, 'systemd/examples')).toSorted()).toEqual([
      'egress.json',
      'runtime.json',
      'updater.json',
    ])
  })
})
