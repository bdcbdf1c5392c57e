import { describe, expect, test } from 'vitest'
import { changedWithSeven, newestIrVersion, newestOpsets, operatorNames } from './operators.ts'
import { floatRows, runModel } from './testkit/run-model.ts'
import { bytesField, modelWith, numberField, textField } from './testkit/wire-bytes.ts'

const DOUBLING = ['Add', 'Mul', 'Sub'] as const

/** y = op(x, x), or y = x for Identity, with whatever versions are asked for. */
function model(op: string, opset: number, ir: number, ml = 1): Uint8Array {
  const dims = [2, 2].flatMap((size) => bytesField(1, numberField(1, size)))
  const port = (field: number, name: string) => {
    const type = bytesField(1, [...numberField(1, 1), ...bytesField(2, dims)])
    return bytesField(field, [...textField(1, name), ...bytesField(2, type)])
  }
  const inputs = op === 'Identity' ? textField(1, 'x') : [...textField(1, 'x'), ...textField(1, 'x')]
  const node = bytesField(1, [...inputs, ...textField(2, 'y'), ...textField(4, op)])
  const graph = bytesField(7, [...node, ...textField(2, 'g'), ...port(11, 'x'), ...port(12, 'y')])
  const opsetImport = (domain: string, version: number) =>
    bytesField(8, [...textField(1, domain), ...numberField(2, version)])
  return modelWith([...numberField(1, ir), ...graph, ...opsetImport('', opset), ...opsetImport('ai.onnx.ml', ml)])
}

async function runs(bytes: Uint8Array): Promise<boolean> {
  try {
    await runModel(bytes, {
      x: floatRows([
        [1, 2],
        [3, 4],
      ]),
    })
    return true
  } catch {
    return false
  }
}

describe('what is said of the library is what the installed one does', () => {
  const [opset = 0, ml = 0] = [newestOpsets[''], newestOpsets['ai.onnx.ml']]

  test.each<[string, Uint8Array, boolean]>([
    ['the newest of everything runs', model('Identity', opset, newestIrVersion, ml), true],
    ['one operator set more does not', model('Identity', opset + 1, newestIrVersion, ml), false],
    ['one operator set of ai.onnx.ml more does not', model('Identity', opset, newestIrVersion, ml + 1), false],
    ['one version of the form more does not', model('Identity', opset, newestIrVersion + 1, ml), false],
    ...DOUBLING.map(
      (op) => [`${op} of version 6 does not`, model(op, 6, 3), false] satisfies [string, Uint8Array, boolean],
    ),
    ...DOUBLING.map((op) => [`${op} of version 7 runs`, model(op, 7, 3), true] satisfies [string, Uint8Array, boolean]),
  ])('%s', async (_, bytes, expected) => {
    expect(await runs(bytes)).toBe(expected)
  })

  test('every operator that changed is one that exists', () => {
    expect([...changedWithSeven].filter((name) => !operatorNames.has(name))).toEqual([])
  })
})
