import { describe, expect, it } from 'vitest'
import { Refusal, StaleRefusal } from '../../models/contract/errors.ts'
import { contractSchema } from '../../models/contract/schema.ts'
import { hourlyContract, withInput } from '../../models/contract/testkit/contracts.ts'
import type { Manifest } from '../../models/package/manifest.ts'
import { narrateRefusal, narrateResult } from './narrate.ts'

const manifestWith = (display: string): Manifest =>
  ({
    display: 'Pulse score',
    contract: contractSchema.parse(withInput(hourlyContract, 'heart-rate', { display })),
  }) as Manifest
const said = (display: string, ageMinutes: number, limitMinutes: number) =>
  narrateRefusal(manifestWith(display), new StaleRefusal('heart-rate', ageMinutes, limitMinutes))

describe('words of a refusal', () => {
  it('name what is too old, its age and the limit, in hours where the limit is', () => {
    expect(said('Respiratory rate', 299, 240)).toBe('Pulse score: no decision: respiratory rate 5 h old, limit 4 h.')
    expect(said('Respiratory rate', 240.01, 240)).toContain('5 h old, limit 4 h')
    expect(said('Respiratory rate', 95.2, 90)).toContain('respiratory rate 96 min old, limit 90 min')
  })

  it('leave an abbreviation as it is', () => {
    expect(said('SpO2', 90, 60)).toContain('SpO2 2 h old')
    expect(said('pH of blood', 90, 60)).toContain('pH of blood 2 h old')
    expect(said('ICU hours', 90, 60)).toContain('ICU hours 2 h old')
  })

  it('are otherwise the fixed text of the code', () => {
    const refusal = new Refusal('input_missing', { about: 'heart-rate' })
    expect(narrateRefusal(manifestWith('Pulse'), refusal)).toBe(
      'Pulse score: no result. An essential input is missing. (heart-rate)',
    )
  })
})

describe('words of a result', () => {
  const risk = { role: 'probability', display: 'Risk', unit: '1', label: null } as const
  const none = { method: 'none', of: 'risk', contributions: [], baseline: null, residual: 0, reason: null } as const
  const result = (value: number, alert: boolean) => {
    const threshold = { output: 'risk', alertAt: 0.5, clearBelow: 0.3 }
    const assessment = { outputs: { risk: { ...risk, values: [value] } }, threshold, alert }
    return narrateResult(manifestWith('Pulse'), assessment, none, [])
  }

  it('say why an alert stands below its threshold, and nothing where it is plain', () => {
    expect(result(0.4, true)).toBe('Pulse score: Risk 40.0 %. The alert stands until it is below 30.0 %.')
    expect(result(0.6, true)).not.toContain('stands')
    expect(result(0.4, false)).not.toContain('stands')
  })
})

describe('words of a segmentation', () => {
  const label = (text: string, value: number) => ({ value, code: `label-${value}`, text })
  const spec = {
    role: 'segmentation',
    name: 'tissue',
    display: 'Tissue',
    tensor: 'labels',
    unit: '1',
    labels: ['Background', 'White matter', 'CSF'].map(label),
  } as const
  const none = { method: 'none', of: '', contributions: [], baseline: null, residual: 0, reason: null } as const
  const words = (values: readonly number[], dims: readonly number[], labels = spec.labels) => {
    const contract = contractSchema.parse({
      ...hourlyContract,
      outputs: [{ ...spec, labels }],
      calibration: { method: 'none' },
      threshold: null,
      explanation: { method: 'none', reason: 'a test' },
    })
    const manifest = { display: 'Brain', contract } as Manifest
    const tissue = { role: 'segmentation', display: 'Tissue', unit: '1', values, dims, label: null } as const
    return narrateResult(manifest, { outputs: { tissue }, threshold: null, alert: false }, none, [])
  }

  it('say how much there is of each label, and of which there is nothing', () => {
    expect(words([15_523_464, 518_540, 0], [1, 256, 256, 256])).toBe(
      'Brain: Tissue: background 15,523,464 voxels, white matter 518,540 voxels and CSF 0 voxels, counted in the image as the model took it.',
    )
    expect(words([3, 1, 0], [1, 2, 2])).toContain('background 3 pixels, white matter 1 pixel and CSF 0 pixels')
  })

  it('leave out labels beyond a dozen, and say so', () => {
    const labels = Array.from({ length: 15 }, (_, value) => label(`Part ${value}`, value))
    const said = words(
      labels.map(({ value }) => value),
      [105],
      labels,
    )
    expect(said).toContain('part 11 11 elements and 3 more labels, counted')
    expect(said).not.toContain('part 12')
  })
})
