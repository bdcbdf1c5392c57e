import { gzipSync } from 'node:zlib'
import type { DecisionRead } from '../api/answers.ts'
import { cpuProvider, HASHES } from './stub-health.ts'

export const SIDE = 96
const PLACES = 6

/** A drawn image: a bright disc and a smaller one on a slope of grey, one channel, as a model would take it. */
export function imageBytes(): Buffer {
  const bytes = Buffer.alloc(SIDE * SIDE * 4)
  for (let row = 0; row < SIDE; row += 1) {
    for (let column = 0; column < SIDE; column += 1) {
      const disc = Math.hypot(row - 40, column - 36) < 22 ? 0.9 : 0
      const spot = Math.hypot(row - 70, column - 70) < 8 ? 1.4 : 0
      bytes.writeFloatLE((row + column) / (2 * SIDE) - 0.5 + disc + spot, (row * SIDE + column) * 4)
    }
  }
  return bytes
}

export const imageHeaders = {
  'content-type': 'application/octet-stream',
  'wardstone-dtype': 'float32',
  'wardstone-layout': 'NCHW',
  'wardstone-dims': `1,1,${SIDE},${SIDE}`,
  'wardstone-sha256': '0'.repeat(64),
} as const

/** Labels of the two discs, as the box writes them: NIfTI-1, gzipped. */
export function labelBytes(): Buffer {
  const header = Buffer.alloc(352)
  header.writeInt32LE(348, 0)
  header.writeInt16LE(3, 40)
  for (const [index, size] of [SIDE, SIDE, 1].entries()) header.writeInt16LE(size, 42 + 2 * index)
  header.writeInt16LE(2, 70)
  header.writeInt16LE(8, 72)
  header.writeFloatLE(352, 108)
  header.write('n+1\0', 344, 'latin1')
  const labels = Buffer.alloc(SIDE * SIDE)
  for (let at = 0; at < labels.length; at += 1) {
    const [row, column] = [Math.floor(at / SIDE), at % SIDE]
    if (Math.hypot(row - 40, column - 36) < 22) labels[at] = 1
    if (Math.hypot(row - 70, column - 70) < 8) labels[at] = 2
  }
  return gzipSync(Buffer.concat([header, labels]))
}

const edges = Array.from({ length: PLACES + 1 }, (_, index) => (index * SIDE) / PLACES)

function mapValues(): number[] {
  return Array.from({ length: PLACES * PLACES }, (_, at) => {
    const [row, column] = [Math.floor(at / PLACES), at % PLACES]
    if (row === 4 && column === 4) return 0.41
    return row < 4 && column < 4 && row > 0 ? 0.12 : -0.03
  })
}

/** A decision about an image, with a map that passed its test, and labels. */
export function imageRead(base: DecisionRead, decisionId: string): DecisionRead {
  return {
    ...base,
    decision: {
      ...base.decision,
      decisionId,
      model: { id: 'brain', version: '2.0.0', packageHash: HASHES.brain, clinicalStatus: 'research' },
      assessment: {
        outputs: {
          finding: {
            role: 'probability',
            display: 'Probability of a finding',
            unit: '1',
            values: [0.834],
            label: null,
          },
          tissue: {
            ...{ role: 'segmentation', display: 'Marked places', unit: '1', label: null, sha256: '0'.repeat(64) },
            values: [7500, 1500, 216],
            dims: [1, SIDE, SIDE],
          },
        },
        threshold: { output: 'finding', alertAt: 0.5, clearBelow: 0.5 },
        alert: true,
      },
      flags: [{ input: 'scan', flag: 'attribute-unknown', about: 'body-part' }],
      explanation: {
        method: 'occlusion',
        of: 'finding',
        contributions: [],
        baseline: 0.02,
        residual: 0,
        reason: null,
        map: { rows: PLACES, columns: PLACES, values: mapValues(), rowEdges: edges, columnEdges: edges },
        deletion: { score: 0.21, random: 0.52, steps: 6, fill: 0, seed: 7 },
      },
      narrative:
        'Drawn image: Probability of a finding 83.4 %. The lower right of the image contributed most to the score.',
      provider: cpuProvider,
    },
    feedback: [],
    inputs: [],
    contract: {
      outputs: {
        tissue: {
          range: null,
          labels: [
            { value: 0, code: 'none', text: 'Not marked' },
            { value: 1, code: 'large', text: 'Large disc' },
            { value: 2, code: 'small', text: 'Small disc' },
          ],
        },
      },
      validityMinutes: 1440,
    },
    image: {
      display: 'Drawn image',
      format: 'dicom',
      frames: 1,
      rows: 512,
      columns: 512,
      photometric: 'MONOCHROME2',
      pixelSpacingMm: [0.5, 0.5],
      modality: 'CR',
      bodyPart: null,
      viewPosition: 'PA',
      files: [{ sha256: 'ab'.repeat(32), bytes: 525_312 }],
      seen: { dtype: 'float32', layout: 'NCHW', dims: [1, 1, SIDE, SIDE], kept: true },
      gates: [
        {
          model: 'chest-qc',
          version: '0.1.0',
          output: 'frontal',
          value: 0.98,
          passed: true,
          reason: 'not a frontal radiograph',
          refusal: null,
        },
      ],
    },
  }
}
