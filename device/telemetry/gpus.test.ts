import { describe, expect, it } from 'vitest'
import { parseGpus } from './gpus.ts'

const MIB = 1024 * 1024

describe('the lines of nvidia-smi', () => {
  it('are one card each', () => {
    const csv = '0, NVIDIA L4, 17, 1024, 23034, 41\n1, NVIDIA L4, 0, 0, 23034, 35\n'
    expect(parseGpus(csv)).toMatchObject([
      {
        index: 0,
        name: 'NVIDIA L4',
        utilisationPercent: 17,
        memoryUsedBytes: 1024 * MIB,
        memoryTotalBytes: 23_034 * MIB,
        temperatureCelsius: 41,
      },
      { index: 1, utilisationPercent: 0 },
    ])
  })

  it.each(['[N/A]', '[Not Supported]', 'N/A', '[Unknown Error]'])('%s is null, not zero', (word) => {
    expect(parseGpus(`0, Card, ${word}, 5, 10, ${word}`)).toMatchObject([
      { utilisationPercent: null, temperatureCelsius: null, memoryUsedBytes: 5 * MIB },
    ])
  })

  it('a comma in a name belongs to the name', () => {
    expect(parseGpus('3, Card, large, 1, 2, 3, 4')).toMatchObject([{ index: 3, name: 'Card, large' }])
  })

  it('no card is no card', () => expect(parseGpus('\n')).toEqual([]))

  it.each([
    'No devices were found',
    'Unable to determine the device handle for GPU 0000:01:00.0: GPU is lost.',
    '0, Card, 1, 2, 3',
    'x, Card, 1, 2, 3, 4',
    '0, , 1, 2, 3, 4',
    '0, Card, -1, 2, 3, 4',
    '0, Card, 1e3, 2, 3, 4',
    '0, Ca\u0007rd, 1, 2, 3, 4',
    `0, ${'x'.repeat(81)}, 1, 2, 3, 4`,
    '0, Card, 1, 2, 3, 4\ngarbage',
    '0, Card, 1, 2, 3, 4\n'.repeat(65),
  ])('%j is no answer', (csv) => expect(parseGpus(csv)).toBeUndefined())
})
