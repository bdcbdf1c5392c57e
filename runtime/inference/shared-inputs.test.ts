import { fstatSync, writeSync } from 'node:fs'
import { expect, test } from 'vitest'
import { systemRandomness } from '../../device/crypto/randomness.ts'
import { type Tensors, tensorNumbers } from '../../models/contract/tensor.ts'
import { MIN_SHARED_BYTES, SharedInputs, SharedReader } from './shared-inputs.ts'
import { trialInputs, trialModel } from './testkit/trial-models.ts'
import { inMs, startTrial } from './testkit/trial-worker.ts'

const rows = (count: number, first = 0) => trialInputs(Array.from({ length: 4 * count }, (_, at) => first + at))
const large = rows(MIN_SHARED_BYTES / 16)

function opened(): SharedInputs {
  return SharedInputs.open(systemRandomness) ?? expect.unreachable()
}

test('what is put in is read as it was, every type at its place', () => {
  const shared = opened()
  const mixed: Tensors = {
    flag: { dtype: 'bool', dims: [1], data: Uint8Array.of(1) },
    ...large,
    big: { dtype: 'int64', dims: [2], data: BigInt64Array.of(-1n, 2n ** 62n) },
    none: { dtype: 'float32', dims: [0, 3], data: new Float32Array(0) },
  }
  const shapes = shared.put(mixed) ?? expect.unreachable()
  expect(new SharedReader(shared.readFd).read(shapes)).toEqual(mixed)
  shared.close()
})

test('it has no name, nobody but us may open it, and the worker cannot write to it', () => {
  const shared = opened()
  expect(fstatSync(shared.readFd).nlink).toBe(0)
  expect(fstatSync(shared.readFd).mode & 0o777).toBe(0o600)
  expect(() => writeSync(shared.readFd, 'x')).toThrow(expect.objectContaining({ code: 'EBADF' }))
  shared.close()
})

test('one request has it at a time; what is small goes another way', () => {
  const shared = opened()
  expect(shared.put(rows(1))).toBeUndefined()
  expect(shared.put(large)).toBeDefined()
  expect(shared.put(large)).toBeUndefined()
  shared.release()
  expect(shared.put(large)).toBeDefined()
  shared.close()
})

test('what a very large request took is given back', () => {
  const shared = opened()
  const data = new Float32Array(5 * 1024 * 1024)
  expect(shared.put({ x: { dtype: 'float32', dims: [data.length], data } })).toBeDefined()
  expect(fstatSync(shared.readFd).size).toBe(data.byteLength)
  shared.release()
  expect(fstatSync(shared.readFd).size).toBe(0)
  shared.close()
})

test('a request that says more than is there is none', () => {
  const shared = opened()
  shared.put(large)
  expect(new SharedReader(shared.readFd).read([{ name: 'x', dtype: 'float32', dims: [2 ** 20] }])).toBeUndefined()
  shared.close()
})

test('large requests are answered, one after the other and many at once, larger and smaller ones among them', async () => {
  await using trial = startTrial(trialModel())
  await trial.worker.ready()
  const counts = [20_000, 1, 70_000, 20_000, 300_000, 3, 20_000]
  const ask = async (count: number, first: number) => {
    const { y } = await trial.worker.run(rows(count, first), inMs(30_000))
    const numbers = y === undefined ? [] : tensorNumbers(y)
    return [numbers.length, numbers[0], numbers.at(-1)]
  }
  const expected = (count: number, first: number) => [4 * count, 2 * first, 2 * (first + 4 * count - 1)]
  for (const [index, count] of counts.entries()) expect(await ask(count, index)).toEqual(expected(count, index))
  const all = await Promise.all(counts.map((count, index) => ask(count, index)))
  expect(all).toEqual(counts.map((count, index) => expected(count, index)))
})
