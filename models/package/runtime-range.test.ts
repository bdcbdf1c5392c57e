import { expect, test } from 'vitest'
import { verifyRuntimeRange } from './runtime-range.ts'

const supported = (runtime: string, minimum: string, below: string): boolean => {
  try {
    verifyRuntimeRange({ minimum, below }, runtime)
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: 'package_runtime_unsupported' })
    return false
  }
}

/** Semantic Versioning 2.0.0 §11.4.4 gives this order. */
const ordered = [
  '1.0.0-alpha',
  '1.0.0-alpha.1',
  '1.0.0-alpha.beta',
  '1.0.0-beta',
  '1.0.0-beta.2',
  '1.0.0-beta.11',
  '1.0.0-rc.1',
  '1.0.0',
  '1.0.9',
  '1.0.10',
  '1.9.0',
  '1.10.0',
  '2.0.0',
  '10.0.0',
  '99999999999999999998.0.0',
  '99999999999999999999.0.0',
]

test('each version is at or after itself and every one before it, and before every one after it', () => {
  for (const [at, version] of ordered.entries())
    for (const [other, bound] of ordered.entries()) {
      expect(supported(version, bound, '999999999999999999999.0.0')).toBe(at >= other)
      expect(supported(version, '0.0.0', bound)).toBe(at < other)
    }
})

test.each(['', '1', '1.0', '01.0.0', '1.0.0.0', 'v1.0.0', '1.0.0 ', '1.0.0\n', '1.0.0+build', '-1.0.0'])(
  'what is not a version runs nothing: %j',
  (version) => expect(supported(version, '0.0.0', '9.0.0')).toBe(false),
)
