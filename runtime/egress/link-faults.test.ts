import { describe, expect, it } from 'vitest'
import type { FleetLink } from './handover.ts'
import { linkFaults } from './link-faults.ts'

const fleet: FleetLink = { isConnected: true, seconds: 5, waiting: 0, certificate: 'in order' }

describe('what health says of the way to the fleet', () => {
  it.each<[string, number, FleetLink | undefined]>([
    ['while all is well', 0, fleet],
    ['before egress has said anything', 100, undefined],
    ['while the broker is away for a moment', 0, { ...fleet, isConnected: false, seconds: 899, waiting: 40 }],
  ])('is nothing %s', (_when, silentSeconds, link) => {
    expect(linkFaults({ silentSeconds, fleet: link })).toEqual([])
  })

  it('is that egress is silent, and then nothing that it said long ago', () => {
    const faults = linkFaults({ silentSeconds: 7300, fleet: { ...fleet, certificate: 'expired' } })
    expect(faults).toEqual([expect.stringContaining('Egress has not answered for 2 hours')])
  })

  it('is how long the broker is away and how much waits, and what is wrong with the certificate', () => {
    const away = { isConnected: false, seconds: 3600, waiting: 7, certificate: 'expired' } as const
    expect(linkFaults({ silentSeconds: 0, fleet: away })).toEqual([
      expect.stringContaining('not been reached for 60 minutes; 7 records wait'),
      expect.stringContaining('has expired'),
    ])
  })
})
