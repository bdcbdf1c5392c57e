import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSystem } from '../telemetry/system.ts'
import { Machine } from '../telemetry/testkit/machine.ts'
import { inspectCoreDumps, parseCoreLimit } from './core-dumps.ts'
import { inspectPosture, postureFaults, postureNames, unknownPosture } from './posture.ts'
import { inspectSwap, parseSwaps } from './swap.ts'
import { inspectTpm } from './tpm.ts'

let machine: Machine
beforeEach(() => {
  machine = new Machine()
})
afterEach(() => machine.remove())

describe('the TPM', () => {
  const major = '/sys/class/tpm/tpm0/tpm_version_major'

  it.each([
    ['2\n', 'yes', false],
    ['1\n', 'no', true],
    ['3\n', 'cannot tell', false],
    ['', 'cannot tell', false],
  ])('with version %j: %s', async (text, answer, isFault) => {
    machine.write(major, text)
    expect(await inspectTpm(machine)).toMatchObject({ answer, isFault })
  })

  it('of a version that the kernel does not tell cannot be told', async () => {
    machine.folder('/sys/class/tpm/tpm0')
    expect(await inspectTpm(machine)).toMatchObject({ answer: 'cannot tell' })
  })

  it('is missed only where /sys is shown', async () => {
    expect(await inspectTpm(machine)).toMatchObject({ answer: 'cannot tell' })
    machine.folder('/sys/class')
    expect(await inspectTpm(machine)).toMatchObject({ answer: 'cannot tell' })
    machine.folder('/sys/class/net')
    expect(await inspectTpm(machine)).toMatchObject({ answer: 'no', isFault: true })
    machine.folder('/sys/class/tpm')
    expect(await inspectTpm(machine)).toMatchObject({ answer: 'no', isFault: true })
    machine.unreadable.set('/sys/class/tpm', 'EACCES')
    expect(await inspectTpm(machine)).toMatchObject({ answer: 'cannot tell' })
  })
})

describe('swap', () => {
  const HEAD = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'
  const swaps = (...lines: string[]) =>
    machine.write('/proc/swaps', `${HEAD}${lines.map((line) => `${line}\n`).join('')}`)
  const area = (path: string, type = 'partition') => `${path}                               ${type}\t8388604\t\t0\t\t-2`

  it('is off with no area', async () => {
    swaps()
    expect(await inspectSwap(machine)).toMatchObject({ answer: 'no', isFault: false })
  })

  it('on a plain disk is on, and a fault', async () => {
    swaps(area('/dev/sda2'))
    machine.write('/sys/class/block/sda2/dev', '8:2\n')
    const finding = await inspectSwap(machine)
    expect(finding).toMatchObject({ answer: 'yes', isFault: true })
    expect(finding.why).toContain('/dev/sda2')
    expect(finding.todo).toContain('swapoff')
  })

  it('in memory or encrypted is on, and no fault', async () => {
    swaps(area('/dev/zram0'), area('/dev/dm-1'))
    machine.write('/sys/class/block/zram0/disksize', '8589934592\n')
    machine.write('/sys/class/block/zram0/backing_dev', 'none\n')
    machine.write('/sys/class/block/dm-1/dm/uuid', 'CRYPT-PLAIN-swap\n')
    const finding = await inspectSwap(machine)
    expect(finding).toMatchObject({ answer: 'yes', isFault: false, todo: null })
    expect(finding.why).toMatch(/zram.*dm-crypt/)
  })

  it('in memory that is written back to a disk is a fault', async () => {
    swaps(area('/dev/zram0'))
    machine.write('/sys/class/block/zram0/disksize', '8589934592\n')
    machine.write('/sys/class/block/zram0/backing_dev', '/dev/sda3\n')
    expect(await inspectSwap(machine)).toMatchObject({ answer: 'yes', isFault: true })
  })

  it('in memory on a kernel without write-back is no fault; by its name alone it is one', async () => {
    swaps(area('/dev/zram0'))
    expect(await inspectSwap(machine)).toMatchObject({ answer: 'yes', isFault: true })
    // A disk that somebody has given the name: it is in /sys, and not as zram.
    machine.write('/sys/class/block/zram0/dev', '8:2\n')
    expect(await inspectSwap(machine)).toMatchObject({ answer: 'yes', isFault: true })
    machine.write('/sys/class/block/zram0/disksize', '8589934592\n')
    expect(await inspectSwap(machine)).toMatchObject({ answer: 'yes', isFault: false })
  })

  it('that is not shown to be harmless is a fault', async () => {
    swaps(area('/dev/dm-1'), area('/dev/sdz9'))
    machine.write('/sys/class/block/dm-1/dm/uuid', 'CRYPT-LUKS2-swap\n')
    expect(await inspectSwap(machine)).toMatchObject({ answer: 'yes', isFault: true })
  })

  it('in a file is as its volume is', async () => {
    swaps(area('/swap\\040file', 'file'))
    machine.mounts.set('/swap file', 40)
    machine.write('/proc/self/mountinfo', '40 1 254:0 / / rw - ext4 /dev/x rw\n')
    machine.write('/sys/dev/block/254:0/dm/uuid', 'CRYPT-LUKS2-root\n')
    expect(await inspectSwap(machine)).toMatchObject({ answer: 'yes', isFault: false })
    machine.write('/sys/dev/block/254:0/dm/uuid', 'LVM-root\n')
    expect(await inspectSwap(machine)).toMatchObject({ answer: 'yes', isFault: true })
  })

  it('cannot be told from what is not /proc/swaps', async () => {
    expect(await inspectSwap(machine)).toMatchObject({ answer: 'cannot tell' })
    machine.write('/proc/swaps', '')
    expect(await inspectSwap(machine)).toMatchObject({ answer: 'cannot tell' })
    swaps('garbage')
    expect(await inspectSwap(machine)).toMatchObject({ answer: 'cannot tell' })
    machine.unreadable.set('/proc/swaps', 'EACCES')
    expect(await inspectSwap(machine)).toMatchObject({ answer: 'cannot tell' })
    expect(parseSwaps('nothing')).toBeUndefined()
  })

  it('is off on a kernel that has none', async () => {
    machine.write('/proc/meminfo', 'MemTotal: 1 kB\nSwapTotal:       0 kB\n')
    expect(await inspectSwap(machine)).toMatchObject({ answer: 'no', isFault: false })
    for (const text of ['MemTotal: 1 kB\nSwapTotal:       9 kB\n', 'MemTotal: 1 kB\n']) {
      machine.write('/proc/meminfo', text)
      expect(await inspectSwap(machine)).toMatchObject({ answer: 'cannot tell' })
    }
  })
})

describe('core dumps', () => {
  const set = (pattern: string, limit: string) =>
    machine
      .write('/proc/sys/kernel/core_pattern', `${pattern}\n`)
      .write(
        '/proc/self/limits',
        `Limit  Soft Limit  Hard Limit  Units\nMax core file size        ${limit}        unlimited            bytes\n`,
      )

  it.each([
    ['core', '0', 'no', false],
    ['core', 'unlimited', 'yes', true],
    ['/var/crash/%p', '1024', 'yes', true],
    ['|/usr/lib/systemd/systemd-coredump %P', '0', 'yes', true],
    ['|/usr/lib/systemd/systemd-coredump %P', '1', 'yes', true],
    ['|/usr/lib/systemd/systemd-coredump %P', 'unlimited', 'yes', true],
    ['@/run/dumps.sock', '0', 'yes', true],
    ['@/run/dumps.sock', '1', 'yes', true],
    ['', '0', 'no', false],
    ['', 'unlimited', 'cannot tell', false],
  ])('with pattern %j and limit %s: %s', async (pattern, limit, answer, isFault) => {
    set(pattern, limit)
    expect(await inspectCoreDumps(machine)).toMatchObject({ answer, isFault })
  })

  it('cannot be told without either file, or from another', async () => {
    expect(await inspectCoreDumps(machine)).toMatchObject({ answer: 'cannot tell' })
    machine.write('/proc/sys/kernel/core_pattern', 'core\n')
    expect(await inspectCoreDumps(machine)).toMatchObject({ answer: 'cannot tell' })
    machine.write('/proc/self/limits', 'Max core file size  few  many  bytes\n')
    expect(await inspectCoreDumps(machine)).toMatchObject({ answer: 'cannot tell' })
    expect(parseCoreLimit('')).toBeUndefined()
  })
})

describe('the posture', () => {
  it('of a machine that shows nothing is not known, and no fault', async () => {
    const posture = await inspectPosture(machine, { dataPath: '/data' })
    expect(postureNames.map((name) => posture[name].answer)).toEqual(Array(5).fill('cannot tell'))
    expect(postureFaults(posture)).toEqual([])
    expect(postureNames.every((name) => posture[name].why.length > 10)).toBe(true)
    expect(postureNames.map((name) => unknownPosture('x')[name].answer)).toEqual(Array(5).fill('cannot tell'))
  })

  it('says each fault with what to do', async () => {
    machine.write('/proc/sys/kernel/core_pattern', '|x\n').folder('/sys/class/net').folder('/sys/firmware/acpi')
    machine.write('/proc/self/limits', 'Max core file size  0  0  bytes\n')
    const posture = await inspectPosture(machine, { dataPath: '/data' })
    const faults = postureFaults(posture)
    expect(faults).toHaveLength(3)
    for (const name of ['secureBoot', 'tpm', 'coreDumps'] as const) {
      const { why, todo } = posture[name]
      expect(todo).not.toBeNull()
      expect(faults).toContain(`${why} ${todo}`)
    }
  })

  it('of this machine is looked at as it is', async () => {
    const posture = await inspectPosture(createSystem(), { dataPath: tmpdir() })
    for (const name of postureNames) {
      const { answer, isFault, why, todo, question } = posture[name]
      expect(['yes', 'no', 'cannot tell']).toContain(answer)
      expect(question).toMatch(/\?$/)
      expect(why).toMatch(/\.$/)
      expect(isFault ? todo !== null && answer !== 'cannot tell' : true).toBe(true)
    }
    if (existsSync('/sys/class/tpm/tpm0')) expect(posture.tpm.answer).not.toBe('no')
    else expect(posture.tpm.answer).not.toBe('yes')
  })
})
