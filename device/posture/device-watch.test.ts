import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemRandomness } from '../crypto/randomness.ts'
import { DAY_MS, DeviceFolder, provider, START_MS } from '../identity/testkit/device-folder.ts'
import { silentLog } from '../platform/log.ts'
import type { Found } from '../telemetry/found.ts'
import { Machine, withProc } from '../telemetry/testkit/machine.ts'
import { createDeviceWatch, type DeviceWatch, type DeviceWatchOptions } from './device-watch.ts'

let machine: Machine
let folder: DeviceFolder
let watches: DeviceWatch[]
beforeEach(async () => {
  machine = withProc(new Machine())
  folder = await DeviceFolder.enrol()
  watches = []
})
afterEach(() => {
  for (const watch of watches) watch.stop()
  machine.remove()
  folder.remove()
})

async function start(changes: Partial<DeviceWatchOptions> = {}): Promise<DeviceWatch> {
  const watch = createDeviceWatch({
    clock: folder.clock,
    dataPath: '/data',
    paths: [folder.path],
    sampleIntervalMs: 60_000,
    nvidiaSmi: `${machine.root}/bin/nvidia-smi`,
    identity: {
      provider,
      randomness: systemRandomness,
      clock: folder.clock,
      log: silentLog,
      key: join(folder.path, 'identity.key'),
      certificate: join(folder.path, 'identity.pem'),
      authorityPem: folder.authority.certificatePem,
    },
    system: machine,
    ...changes,
  })
  watches.push(watch)
  await watch.start()
  return watch
}

describe('the identity in the report', () => {
  it('well within its lifetime has a date and no fault', async () => {
    const watch = await start()
    expect(watch.report().identity).toMatchObject({
      state: 'in force',
      commonName: 'box-1',
      notAfter: new Date(START_MS + 90 * DAY_MS).toISOString(),
      daysLeft: 90,
      renewal: 'not due',
      request: null,
    })
    expect(watch.healthFaults()).toEqual([])
  })

  it('with less than 30 days left and nothing issued is a fault that says what to sign', async () => {
    folder.clock.advance(80 * DAY_MS)
    const watch = await start()
    const request = join(folder.path, 'identity.d/next/request.pem')
    expect(watch.report().identity).toMatchObject({ state: 'in force', daysLeft: 10, renewal: 'requested', request })
    expect(watch.healthFaults()).toHaveLength(1)
    expect(watch.healthFaults()[0]).toContain(request)
    expect(watch.healthFaults()[0]).toContain('2026-04-01')
    expect(watch.report().faults).toContain(watch.healthFaults()[0])
  })

  it('whose certificate has been issued is no fault any more', async () => {
    folder.clock.advance(80 * DAY_MS)
    await start()
    await folder.answer()
    expect((await start()).healthFaults()).toEqual([])
  })

  it('whose certificate does not fit is two faults, and the old one stays in use', async () => {
    folder.clock.advance(80 * DAY_MS)
    await start()
    await folder.answer({ commonName: 'box-2' })
    const watch = await start()
    expect(watch.report().identity).toMatchObject({ state: 'in force', renewal: 'refused', about: 'common name' })
    expect(watch.healthFaults()).toHaveLength(2)
  })

  it('that has expired, is not valid yet, is damaged or is not there is said so', async () => {
    folder.clock.advance(91 * DAY_MS)
    const expired = await start()
    expect(expired.report().identity).toMatchObject({ state: 'expired', daysLeft: -1 })
    expect(expired.healthFaults()).toEqual([expect.stringContaining('expired on 2026-04-01')])
    folder.clock.jumpMs(-100 * DAY_MS)
    expect((await start()).healthFaults()).toEqual([expect.stringContaining('clock')])
    folder.write('identity.key', 'x')
    const damaged = await start()
    expect(damaged.report().identity).toMatchObject({ state: 'unusable', about: 'pair', commonName: null })
    expect(damaged.healthFaults()).toHaveLength(1)
    const none = await start({ identity: undefined })
    expect([none.report().identity.state, none.healthFaults()]).toEqual(['none', []])
  })

  it('never shows a key', async () => {
    folder.clock.advance(80 * DAY_MS)
    const text = JSON.stringify((await start()).report())
    expect(text).not.toContain('PRIVATE')
    expect(text).not.toContain(folder.read('identity.key').split('\n')[1])
  })
})

describe('the machine in the report', () => {
  it('is there once it has been sampled, with its buckets and its posture', async () => {
    const watch = await start()
    await vi.waitFor(() => expect(watch.report().sample?.memory).not.toBeUndefined(), 5000)
    const { buckets, posture, faults } = watch.report()
    expect(buckets).toMatchObject({ memory: 'under-75', gpus: 0, uptime: 'under-1d' })
    expect(posture.diskEncryption.answer).toBe('cannot tell')
    expect(faults).toEqual([])
  })

  it('with a full disk, used-up memory, heat and a broken driver has a fault for each', async () => {
    machine.write('/sys/class/tpm/tpm0/tpm_version_major', '2\n')
    machine.write('/proc/meminfo', 'MemTotal: 1000 kB\nMemAvailable: 50 kB\n')
    machine.write('/sys/class/thermal/thermal_zone0/temp', '95000\n')
    machine.program('nvidia-smi', 'exit 15')
    const full = async (): ReturnType<Machine['statfs']> => ({
      state: 'found',
      value: { totalBytes: 100, freeBytes: 10 },
    })
    vi.spyOn(machine, 'statfs').mockImplementation(full)
    const watch = await start()
    await vi.waitFor(() => expect(watch.report().sample).not.toBeNull(), 5000)
    const said = watch.report().faults.join(' ')
    expect(watch.report().faults).toHaveLength(4)
    for (const words of ['nearly full', 'nearly used up', 'too hot', 'gpu (exit status 15)'])
      expect(said).toContain(words)
    expect(watch.healthFaults()).toEqual([])
  })

  it('just below the limits has none', async () => {
    machine.write('/sys/class/tpm/tpm0/tpm_version_major', '2\n')
    machine.write('/proc/meminfo', 'MemTotal: 1000 kB\nMemAvailable: 51 kB\n')
    machine.write('/sys/class/thermal/thermal_zone0/temp', '94900\n')
    vi.spyOn(machine, 'statfs').mockImplementation(async () => ({
      state: 'found',
      value: { totalBytes: 1000, freeBytes: 101 },
    }))
    const watch = await start()
    await vi.waitFor(() => expect(watch.report().sample).not.toBeNull(), 5000)
    expect(watch.report().faults).toEqual([])
  })

  it('that hangs holds up neither the start nor the report', async () => {
    const never = new Promise<Found<string>>(() => {})
    vi.spyOn(machine, 'readText').mockImplementation(() => never)
    const startMs = performance.now()
    const watch = await start()
    expect(performance.now() - startMs).toBeLessThan(10_000)
    const askedMs = performance.now()
    const { sample, posture } = watch.report()
    expect(performance.now() - askedMs).toBeLessThan(50)
    expect([sample, posture.tpm.answer, posture.tpm.why]).toEqual([
      null,
      'cannot tell',
      'The machine does not answer: a disk may hang.',
    ])
  })
})
