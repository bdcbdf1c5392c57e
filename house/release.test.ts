import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { RELEASE } from '../runtime/release.ts'

describe('the release', () => {
  it('is the one of package.json', () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(RELEASE).toBe(version)
  })
})
