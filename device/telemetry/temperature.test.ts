import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseMillidegrees, readTemperature } from './temperature.ts'
import { Machine } from './testkit/machine.ts'

let machine: Machine
beforeEach(() => {
  machine = new Machine()
})
afterEach(() => machine.remove())

const hwmon = '/sys/class/hwmon'
const zone = '/sys/class/thermal/thermal_zone0/temp'

describe('temperature', () => {
  it('is absent where there is no sensor', async () => {
    expect(await readTemperature(machine)).toEqual({ state: 'absent' })
    machine.folder('/sys/class/thermal').folder(hwmon)
    expect(await readTemperature(machine)).toEqual({ state: 'absent' })
  })

  it('is that of the hottest', async () => {
    machine.write(zone, '41000\n').write('/sys/class/thermal/cooling_device0/temp', '99000\n')
    machine.write(`${hwmon}/hwmon0/name`, 'coretemp\n').write(`${hwmon}/hwmon0/temp1_input`, '52500\n')
    machine.write(`${hwmon}/hwmon0/temp1_max`, '100000\n')
    machine.write(`${hwmon}/hwmon1/name`, 'nvme\n').write(`${hwmon}/hwmon1/temp1_input`, '38850\n')
    expect(await readTemperature(machine)).toEqual({ state: 'found', value: 52.5 })
  })

  it("does not believe the unconnected pins of a board's chip", async () => {
    machine.write(`${hwmon}/hwmon0/name`, 'nct6798\n').write(`${hwmon}/hwmon0/temp1_input`, '127000\n')
    expect(await readTemperature(machine)).toEqual({ state: 'absent' })
  })

  it('goes on when one sensor fails, and says so when all do', async () => {
    machine.write(zone, '1\n').write('/sys/class/thermal/thermal_zone1/temp', '40000\n')
    machine.unreadable.set(zone, 'EIO')
    expect(await readTemperature(machine)).toEqual({ state: 'found', value: 40 })
    machine.unreadable.set('/sys/class/thermal/thermal_zone1/temp', 'EIO')
    expect(await readTemperature(machine)).toEqual({ state: 'unreadable', why: 'EIO' })
  })

  it.each([
    ['41234\n', 41.2],
    ['-5000', -5],
    ['0', 0],
    ['-40000', undefined],
    ['150000', undefined],
    ['-274000', undefined],
    ['', undefined],
    ['hot', undefined],
    ['41.5', undefined],
    ['99999999', undefined],
  ])('%j is %s', (text, celsius) => expect(parseMillidegrees(text)).toBe(celsius))
})
