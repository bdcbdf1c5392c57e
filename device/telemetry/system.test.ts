import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSystem } from './system.ts'
import { Machine } from './testkit/machine.ts'

const system = createSystem()
let machine: Machine
beforeEach(() => {
  machine = new Machine()
})
afterEach(() => machine.remove())

describe('reading', () => {
  it('takes up to the limit and not a byte more', async () => {
    const path = `${machine.write('/a', 'x'.repeat(40_000)).root}/a`
    expect(await system.readText(path, 40_000)).toEqual({ state: 'found', value: 'x'.repeat(40_000) })
    expect(await system.readText(path, 39_999)).toEqual({ state: 'unreadable', why: 'more than 39999 bytes' })
    expect(await system.readText('/dev/zero', 1000)).toMatchObject({ state: 'unreadable' })
  })

  it('gives a character per byte when asked', async () => {
    const path = `${machine.write('/a', Buffer.of(7, 0, 0xff, 0x80)).root}/a`
    expect(await system.readText(path, 10, 'latin1')).toEqual({ state: 'found', value: '\u0007\u0000\u00ff\u0080' })
  })

  it('tells absent from unreadable', async () => {
    machine.write('/file', '').folder('/folder')
    expect(await system.readText(`${machine.root}/none`, 10)).toEqual({ state: 'absent' })
    expect(await system.readText(`${machine.root}/file/none`, 10)).toEqual({ state: 'absent' })
    expect(await system.readText(`${machine.root}/folder`, 10)).toEqual({ state: 'unreadable', why: 'EISDIR' })
    expect(await system.list(`${machine.root}/none`, 10)).toEqual({ state: 'absent' })
    expect(await system.statfs(`${machine.root}/none`)).toEqual({ state: 'absent' })
    expect(await system.mountId(`${machine.root}/none`)).toEqual({ state: 'absent' })
  })

  it('does not wait for a pipe that nobody writes to', async () => {
    execFileSync('mkfifo', [`${machine.root}/pipe`])
    expect(await system.readText(`${machine.root}/pipe`, 10)).toEqual({ state: 'found', value: '' })
  })

  it('lists up to the limit', async () => {
    machine.write('/d/a', '').write('/d/b', '')
    const found = await system.list(`${machine.root}/d`, 2)
    expect(found.state === 'found' && [...found.value].sort()).toEqual(['a', 'b'])
    expect(await system.list(`${machine.root}/d`, 1)).toEqual({ state: 'unreadable', why: 'more than 1 entries' })
  })

  it('finds the mount that the kernel says', async () => {
    const id = await system.mountId('/proc')
    const line = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find((each) => each.includes(' / /proc '))
    expect(id).toEqual({ state: 'found', value: Number(line?.split(' ')[0]) })
  })
})
