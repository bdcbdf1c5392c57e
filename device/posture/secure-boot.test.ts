import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Machine } from '../telemetry/testkit/machine.ts'
import { inspectSecureBoot } from './secure-boot.ts'

const folder = '/sys/firmware/efi/efivars'
const variable = `${folder}/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c`
const shim = `${folder}/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23`
const value = (...bytes: number[]) => Buffer.of(6, 0, 0, 0, ...bytes)

let machine: Machine
beforeEach(() => {
  machine = new Machine()
})
afterEach(() => machine.remove())

describe('Secure Boot', () => {
  it('is on when the firmware says so', async () => {
    machine.write(variable, value(1))
    expect(await inspectSecureBoot(machine)).toMatchObject({ answer: 'yes', isFault: false, todo: null })
    machine.write(shim, value(0))
    expect(await inspectSecureBoot(machine)).toMatchObject({ answer: 'yes' })
  })

  it('did not check the kernel when shim was told not to', async () => {
    machine.write(variable, value(1)).write(shim, value(1))
    expect(await inspectSecureBoot(machine)).toMatchObject({ answer: 'no', isFault: true })
    machine.write(shim, 'x')
    expect(await inspectSecureBoot(machine)).toMatchObject({ answer: 'no', isFault: true })
    machine.unreadable.set(shim, 'EACCES')
    expect(await inspectSecureBoot(machine)).toMatchObject({ answer: 'cannot tell', isFault: false })
  })

  it('is off when the firmware says so', async () => {
    machine.write(variable, value(0))
    expect(await inspectSecureBoot(machine)).toMatchObject({ answer: 'no', isFault: true })
  })

  it.each([[value(2)], [value()], [Buffer.of(1)], [Buffer.alloc(0)]])('cannot be told from %j', async (bytes) => {
    machine.write(variable, bytes)
    expect(await inspectSecureBoot(machine)).toMatchObject({ answer: 'cannot tell', isFault: false })
  })

  it('cannot be told when the variable may not be read, or is longer than it can be', async () => {
    machine.write(variable, value(1, 1))
    expect(await inspectSecureBoot(machine)).toMatchObject({ answer: 'cannot tell' })
    machine.unreadable.set(variable, 'EACCES')
    expect(await inspectSecureBoot(machine)).toMatchObject({ answer: 'cannot tell' })
  })

  it('is not there on firmware that has other variables and not this one', async () => {
    machine.write(`${folder}/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c`, value(0, 0))
    expect(await inspectSecureBoot(machine)).toMatchObject({ answer: 'no', isFault: true })
  })

  it('was not there at a start without UEFI', async () => {
    machine.folder('/sys/firmware/acpi')
    expect(await inspectSecureBoot(machine)).toMatchObject({ answer: 'no', isFault: true })
  })

  it('cannot be told where the firmware is hidden', async () => {
    const answer = async () => (await inspectSecureBoot(machine)).answer
    expect(await answer()).toBe('cannot tell')
    machine.folder('/sys/firmware')
    expect(await answer()).toBe('cannot tell')
    machine.folder('/sys/firmware/efi').folder('/sys/firmware/acpi')
    expect(await answer()).toBe('cannot tell')
    machine.folder(folder)
    expect(await answer()).toBe('cannot tell')
    machine.unreadable.set(folder, 'EACCES')
    expect(await answer()).toBe('cannot tell')
  })
})
