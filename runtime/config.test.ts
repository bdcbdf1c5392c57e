import { describe, expect, it } from 'vitest'
import { deviceDefaults, runtimeConfigSchema } from './config.ts'

const config = {
  deviceId: 'box-1',
  listen: { host: '127.0.0.1', port: 8443 },
  tls: { key: 'a', certificate: 'b', clientAuthority: 'c' },
  database: { path: 'd', key: 'e' },
  subjectsKey: 'f',
  log: { origin: 'o', key: 'g', publicKey: 'h' },
  trust: { vendor: 'i', fleet: 'j', packageKey: 'k' },
  store: 'l',
  inference: { threads: 1, maxQueue: 1, isolation: 'preferred' },
}

describe('the section `device` of the configuration', () => {
  it('may be left out, and then has defaults', () => {
    expect(runtimeConfigSchema.parse(config).device).toBeUndefined()
    expect(runtimeConfigSchema.parse({ ...config, device: {} }).device).toEqual(deviceDefaults)
  })

  it.each([
    { sampleSeconds: 4 },
    { sampleSeconds: 3601 },
    { nvidiaSmi: '' },
    { identity: {} },
    { identity: { key: 'a', certificate: 'b' } },
    { unknown: 1 },
  ])('refuses %j', (device) => {
    expect(runtimeConfigSchema.safeParse({ ...config, device }).success).toBe(false)
  })
})
