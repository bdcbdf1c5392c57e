import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sharedData } from '../../house/shared-data.ts'
import { tensorNumbers } from '../../models/contract/tensor.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'

const FEATURES = 720

describe.skipIf(sharedData === undefined)('a model that others trained', () => {
  test('gives through the worker the scores that were measured for it', async () => {
    const folder = join(sharedData ?? '', 'sepsis/sepsyd-expected')
    const expected: Record<string, { readonly rows: number; readonly sepsyd_onnx: number[] }> = JSON.parse(
      readFileSync(join(folder, 'expected.json'), 'utf8'),
    )
    const model = readFileSync(join(sharedData ?? '', 'models/sepsyd/sepsyd-xgb-720f.onnx'))
    await using trial = startTrial(model, { memoryLimitBytes: 256 * 1024 * 1024 })
    for (const [patient, { rows, sepsyd_onnx }] of Object.entries(expected)) {
      const bytes = readFileSync(join(folder, 'features', `${patient}.f32`))
      const data = new Float32Array(Uint8Array.from(bytes).buffer)
      const features = { dtype: 'float32', dims: [rows, FEATURES], data } as const
      const { sepsis_probability } = await trial.worker.run({ features }, inMs(10_000))
      const scores = tensorNumbers(sepsis_probability!)
      expect(scores).toHaveLength(sepsyd_onnx.length)
      for (const [row, score] of scores.entries()) expect(score).toBeCloseTo(sepsyd_onnx[row]!, 5)
    }
  })
})
