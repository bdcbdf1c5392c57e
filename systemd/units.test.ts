import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../house/source-tree.ts'
import { imageUnitSocket, modelWorker } from '../runtime/inference/isolation.ts'
import { readTable, readUnit, readUnits, type UnitFile, unitFolder } from './testkit/unit-file.ts'

const INSTALLED = '/opt/wardstone'
/** The units with this checkout in the place of the installation, so that what they start is there. */
const here = mkdtempSync(join(tmpdir(), 'wardstone-units-'))
const services = readUnits().filter(({ name }) => name.endsWith('.service'))

beforeAll(() => {
  for (const name of readdirSync(unitFolder)) {
    const text = readFileSync(join(unitFolder, name), 'utf8')
    writeFileSync(join(here, name), text.replaceAll(`${INSTALLED}/`, root))
  }
})
afterAll(() => rmSync(here, { recursive: true, force: true }))

function analyze(args: readonly string[], folder = here) {
  const env = { PATH: process.env.PATH, SYSTEMD_UNIT_PATH: `${folder}:`, SYSTEMD_COLORS: '0' }
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { env, cwd: folder, encoding: 'utf8' })
  return { status, text: `${stdout}${stderr}` }
}

describe('the units', () => {
  it('hold what systemd-analyze verify asks, with each drop-in', () => {
    const names = readdirSync(here).map((name) => `./${name}`)
    expect(names.length).toBeGreaterThan(8)
    expect(analyze(['verify', '--man=no', '--recursive-errors=no', ...names])).toEqual({ status: 0, text: '' })
    for (const dropIn of readdirSync(join(root, 'systemd/drop-ins'))) {
      const folder = join(here, 'wardstone-runtime.service.d')
      mkdirSync(folder)
      cpSync(join(root, 'systemd/drop-ins', dropIn), join(folder, dropIn))
      const found = analyze(['verify', '--man=no', '--recursive-errors=no', './wardstone-runtime.service'])
      expect({ dropIn, ...found }).toEqual({ dropIn, status: 0, text: '' })
      rmSync(folder, { recursive: true })
    }
  })

  it('that are wrong are found to be', () => {
    writeFileSync(
      join(here, 'wardstone-wrong.service'),
      '[Service]\nExecStart=/nonexistent/program\nNoSuchSetting=yes\n',
    )
    const { status, text } = analyze(['verify', '--man=no', '--recursive-errors=no', './wardstone-wrong.service'])
    rmSync(join(here, 'wardstone-wrong.service'))
    expect(status).not.toBe(0)
    expect(text).toContain('/nonexistent/program')
    expect(text).toContain('NoSuchSetting')
  })

  const limits: readonly (readonly [string, number])[] = [
    ['wardstone-runtime.service', 2],
    ['wardstone-egress.service', 2],
    ['wardstone-updater.service', 2],
    ['wardstone-worker@.service', 1],
    ['wardstone-decoder@.service', 1],
  ]
  it.each(limits)('%s is exposed no more than %d of 10', (name, most) => {
    const { status, text } = analyze(['security', '--offline=yes', `--threshold=${most * 10}`, `./${name}`])
    const [, level] = /Overall exposure level for \S+: ([\d.]+)/.exec(text) ?? []
    expect(Number(level)).toBeLessThanOrEqual(most)
    expect(Number(level)).toBeGreaterThan(0)
    expect(status).toBe(0)
  })

  it('are all looked at: no service is without a limit', () => {
    expect(limits.map(([name]) => name).toSorted()).toEqual(services.map(({ name }) => name).toSorted())
  })

  it('leave no core dump, no swap, and nothing that is handed a signal to open a debugger', () => {
    for (const unit of services) {
      expect([unit.name, unit.one('LimitCORE'), unit.one('MemorySwapMax')]).toEqual([unit.name, '0', '0'])
      expect(unit.words('ExecStart')).toContain('--disable-sigusr1')
      expect(unit.one('MemoryMax')).toBeDefined()
    }
  })

  it('of long-running processes are watched, and start again by themselves', () => {
    for (const unit of services.filter(({ name }) => !name.includes('@'))) {
      expect(unit.one('Type')).toBe('notify')
      expect(Number(unit.one('WatchdogSec'))).toBeGreaterThan(0)
      expect(unit.one('Restart')).toBe('always')
    }
  })

  it('of what runs models and decodes images have no network, no state, no key and no user that lasts', () => {
    for (const unit of services.filter(({ name }) => name.includes('@'))) {
      expect(unit.one('DynamicUser')).toBe('yes')
      expect(unit.one('PrivateNetwork')).toBe('yes')
      expect(unit.one('PrivateTmp')).toBe('yes')
      expect(unit.one('RestrictAddressFamilies')).toBe('none')
      expect(unit.words('InaccessiblePaths')).toEqual(
        expect.arrayContaining(['-/var/lib', '-/etc/wardstone', '-/run/wardstone', '-/run/credentials']),
      )
      expect(unit.all('StateDirectory')).toEqual([])
      expect([...unit.all('LoadCredential'), ...unit.all('LoadCredentialEncrypted')]).toEqual([])
    }
  })

  it('listen where the runtime asks, for it alone, and start what the socket is named for', () => {
    const sockets = { 'wardstone-worker.socket': modelWorker.unitSocket, 'wardstone-decoder.socket': imageUnitSocket }
    for (const [name, path] of Object.entries(sockets)) {
      const socket = readUnit(name)
      expect(socket.one('ListenStream')).toBe(path)
      expect([socket.one('Accept'), socket.one('SocketUser'), socket.one('SocketMode')]).toEqual([
        'yes',
        'wardstone',
        '0600',
      ])
      const kind = name.includes('decoder') ? 'image' : 'model'
      expect(readUnit(name.replace('.socket', '@.service')).words('ExecStart').slice(-2)).toEqual([
        `${INSTALLED}/runtime/bin/worker-unit.ts`,
        kind,
      ])
    }
  })
})

describe('what a unit names', () => {
  const users = readTable('sysusers.conf').flatMap(([kind, name = '']) => (kind === 'u' ? [name] : []))
  const groups = readTable('sysusers.conf').flatMap(([kind, name = '']) => (kind === 'u' || kind === 'g' ? [name] : []))
  const folders = readTable('tmpfiles.conf').map(([, path = '']) => path)

  it('exists: its users and groups are made by sysusers', () => {
    const named = (unit: UnitFile, settings: readonly string[]) => settings.flatMap((setting) => unit.words(setting))
    for (const unit of readUnits()) {
      expect(users).toEqual(expect.arrayContaining(named(unit, ['User', 'SocketUser'])))
      expect(groups).toEqual(expect.arrayContaining(named(unit, ['Group', 'SocketGroup', 'SupplementaryGroups'])))
    }
    for (const [, , , user = '', group = ''] of readTable('tmpfiles.conf')) {
      expect(['root', ...users]).toContain(user)
      expect(['root', ...groups]).toContain(group)
    }
    for (const [kind, user = '', group = ''] of readTable('sysusers.conf')) {
      if (kind !== 'm') continue
      expect(users).toContain(user)
      expect(groups).toContain(group)
    }
  })

  it('exists: what it may write is made by tmpfiles, for its user', () => {
    for (const unit of services) {
      for (const path of unit.words('ReadWritePaths')) {
        const made = readTable('tmpfiles.conf').find(([, folder]) => folder === path)
        expect([unit.name, path, made?.[3]]).toEqual([unit.name, path, unit.one('User')])
      }
    }
    for (const unit of readUnits()) {
      for (const path of unit.words('ListenStream')) expect(folders).toContain(path.slice(0, path.lastIndexOf('/')))
    }
  })

  it('exists: what it starts and reads of the installation is in the repository', () => {
    const paths = readUnits().flatMap((unit) =>
      [...unit.words('ExecStart'), ...unit.words('Documentation').map((word) => word.replace(/^file:\/\//, ''))].filter(
        (word) => word.startsWith(`${INSTALLED}/`),
      ),
    )
    expect(paths.length).toBeGreaterThan(15)
    expect(paths.filter((path) => !existsSync(join(root, path.slice(INSTALLED.length))))).toEqual([])
  })

  it('is the same for sealed and for plain keys', () => {
    const sealed = readUnit('wardstone-runtime.service').all('LoadCredentialEncrypted')
    const dropIn = readUnit('plain-credentials.conf', join(root, 'systemd/drop-ins'))
    expect(sealed).toHaveLength(5)
    expect(dropIn.all('LoadCredential')).toEqual(sealed.map((value) => value.replace(/\.cred$/, '')))
    expect(dropIn.all('LoadCredentialEncrypted')).toEqual([''])
  })
})
