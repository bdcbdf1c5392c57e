import { describe, expect, it } from 'vitest'
import { loadPercent, parseCpuTimes, parseMemory, parseUptime } from './proc.ts'
import { procStat } from './testkit/machine.ts'

describe('/proc', () => {
  it('time of guests is not counted twice', () => {
    const times = parseCpuTimes('cpu  10 1 2 100 5 1 1 3 9 9\ncpu0 1 1 1 1\n')
    expect(times).toEqual({ cores: 1, busy: 18, total: 123 })
  })

  it('the load is the share of busy ticks between two readings', () => {
    const at = (busy: number, idle: number) => parseCpuTimes(procStat(busy, idle))!
    expect(loadPercent(at(100, 900), at(150, 950))).toBe(50)
    expect(loadPercent(at(100, 900), at(100, 1000))).toBe(0)
    expect(loadPercent(at(100, 900), at(200, 900))).toBe(100)
    expect(loadPercent(at(100, 900), at(133, 967))).toBe(33)
  })

  it('no tick, a step back or another number of processors gives none', () => {
    const at = (busy: number, idle: number) => parseCpuTimes(procStat(busy, idle))!
    expect(loadPercent(at(100, 900), at(100, 900))).toBeUndefined()
    expect(loadPercent(at(100, 900), at(10, 90))).toBeUndefined()
    expect(loadPercent({ ...at(1, 1), cores: 4 }, at(2, 2))).toBeUndefined()
    expect(loadPercent(at(100, 900), at(90, 1000))).toBe(0)
  })

  it.each(['', 'cpu', 'cpu  1 2 3', 'cpu  1 2 x 4\ncpu0 1 1', 'cpu  1 2 3 4 5', 'cpux 1 2 3 4\ncpu0 1 '])(
    'of %j nothing is made up',
    (text) => expect(parseCpuTimes(text)).toBeUndefined(),
  )

  it('memory is in bytes, and never more available than there is', () => {
    expect(parseMemory('MemTotal: 10 kB\nMemAvailable: 4 kB\n')).toEqual({ totalBytes: 10_240, availableBytes: 4096 })
    expect(parseMemory('MemTotal: 10 kB\nMemAvailable: 40 kB\n')?.availableBytes).toBe(10_240)
    for (const text of ['', 'MemTotal: 10 kB\n', 'MemTotal: 0 kB\nMemAvailable: 0 kB\n', 'MemTotal: x kB\n'])
      expect(parseMemory(text)).toBeUndefined()
  })

  it('time since start is in whole seconds', () => {
    expect(parseUptime('5538.50 6528.38\n')).toBe(5538)
    for (const text of ['', '5538', '-1.00 2.00', 'x 1.0']) expect(parseUptime(text)).toBeUndefined()
  })
})
