import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Machine } from '../telemetry/testkit/machine.ts'
import { inspectDiskEncryption } from './disk-encryption.ts'
import { findMount } from './volume.ts'

const LUKS = 'CRYPT-LUKS2-0123456789abcdef0123456789abcdef-data\n'
let machine: Machine
beforeEach(() => {
  machine = new Machine()
})
afterEach(() => machine.remove())

function mount(device: string, fileSystem = 'ext4'): void {
  machine.mounts.set('/data', 40)
  const lines = [
    '22 27 0:21 / /proc rw - proc proc rw',
    `40 27 ${device} / /data rw,relatime shared:1 - ${fileSystem} /dev/x rw`,
  ]
  machine.write('/proc/self/mountinfo', `${lines.join('\n')}\n`)
}

/** A block device of the machine, known by its number. */
function device(number: string, place: string): string {
  const folder = `/sys/devices/${place}`
  machine.write(`${folder}/dev`, `${number}\n`).link(folder, `/sys/dev/block/${number}`)
  return folder
}

function mapping(number: string, place: string, uuid: string, ...slaves: string[]): void {
  const folder = device(number, place)
  machine.write(`${folder}/dm/uuid`, uuid).folder(`${folder}/slaves`)
  for (const slave of slaves) machine.link(slave, `${folder}/slaves/${slave.split('/').at(-1)}`)
}

function partition(number: string, disk: string, name: string): string {
  const folder = device(number, `${disk}/${name}`)
  machine.write(`${folder}/partition`, '1\n')
  return folder
}

const answer = async () => (await inspectDiskEncryption(machine, '/data')).answer

describe('disk encryption', () => {
  it.each(['LUKS1', 'LUKS2', 'PLAIN', 'TCRYPT', 'BITLK', 'FVAULT2', 'LOOPAES'])(
    'by dm-crypt (%s) is seen',
    async (kind) => {
      mount('254:0')
      mapping('254:0', 'dm-0', `CRYPT-${kind}-abc-data`, device('8:1', 'sda1'))
      expect(await inspectDiskEncryption(machine, '/data')).toMatchObject({ answer: 'yes', isFault: false, todo: null })
    },
  )

  it('is not there on a plain disk, nor on a partition of one', async () => {
    mount('8:0')
    device('8:0', 'sda')
    expect(await inspectDiskEncryption(machine, '/data')).toMatchObject({ answer: 'no', isFault: true })
    mount('8:1')
    partition('8:1', 'sda', 'sda1')
    expect(await answer()).toBe('no')
  })

  it('is seen under LVM, under an array and under its partitions', async () => {
    mount('254:1')
    const part = partition('8:3', 'sda', 'sda3')
    device('8:0', 'sda')
    mapping('254:0', 'dm-0', LUKS, part)
    mapping('254:1', 'dm-1', 'LVM-abc', '/sys/devices/dm-0')
    expect(await answer()).toBe('yes')
    mount('9:0')
    const array = device('9:0', 'md0')
    machine.link('/sys/devices/dm-0', `${array}/slaves/dm-0`)
    expect(await answer()).toBe('yes')
    mount('259:0')
    partition('259:0', 'md0', 'md0p1')
    expect(await answer()).toBe('yes')
  })

  it('of one half of an array is none', async () => {
    mount('9:0')
    mapping('254:0', 'dm-0', LUKS, device('8:1', 'sda1'))
    const array = device('9:0', 'md0')
    machine.link('/sys/devices/dm-0', `${array}/slaves/dm-0`).link(device('8:17', 'sdb1'), `${array}/slaves/sdb1`)
    expect(await answer()).toBe('no')
  })

  it.each(['CRYPT-VERITY-abc-root', 'CRYPT-INTEGRITY-abc', 'CRYPT-', 'crypt-LUKS2-abc', 'LVM-CRYPT-LUKS2-abc'])(
    'is not what %s does',
    async (uuid) => {
      mount('254:0')
      mapping('254:0', 'dm-0', uuid, device('8:1', 'sda1'))
      expect(await answer()).toBe('no')
    },
  )

  it('cannot be told of what has no block device of its own, is in memory, or is a file', async () => {
    mount('0:30', 'btrfs')
    expect(await answer()).toBe('cannot tell')
    mount('0:31', 'tmpfs')
    expect(await answer()).toBe('cannot tell')
    mount('7:0')
    machine.write(`${device('7:0', 'loop0')}/loop/backing_file`, '/image\n')
    expect(await answer()).toBe('cannot tell')
  })

  it('cannot be told when anything on the way cannot be read', async () => {
    expect(await answer()).toBe('cannot tell')
    machine.mounts.set('/data', 40)
    expect(await answer()).toBe('cannot tell')
    mount('8:0')
    expect(await answer()).toBe('cannot tell')
    device('8:0', 'sda')
    expect(await answer()).toBe('no')
    for (const name of ['dm/uuid', 'slaves', 'partition']) {
      machine.unreadable.clear()
      machine.unreadable.set(`/sys/dev/block/8:0/${name}`, 'EACCES')
      expect(await answer()).toBe('cannot tell')
    }
  })

  it('cannot be told of a mapping that shows nothing under it, and ends in a circle of devices', async () => {
    mount('254:0')
    mapping('254:0', 'dm-0', 'LVM-abc')
    expect(await answer()).toBe('cannot tell')
    machine.link('/sys/devices/dm-0', '/sys/devices/dm-0/slaves/dm-0')
    expect(await answer()).toBe('cannot tell')
  })

  it('the mount is found by its number, whatever its path and options', () => {
    const line = '36 35 98:0 /mnt1 /mnt2\\040x rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=continue'
    expect(findMount(`1 1 0:1 / / rw - proc proc rw\n${line}\n`, 36)).toEqual({
      id: 36,
      device: '98:0',
      fileSystem: 'ext3',
    })
    expect(findMount(line, 35)).toBeUndefined()
    expect(findMount('', 36)).toBeUndefined()
    expect(findMount('36 garbage', 36)).toBeUndefined()
  })
})
