import { describe, expect, it } from 'vitest'
import { jobs } from '../testkit/stub-models.ts'
import { canBeCancelled, jobName, jobShare, jobState } from './job-words.ts'
import { readChoice } from './release-choice.ts'

const file = (name: string) => new File(['x'], name)

describe('the files of a release', () => {
  it('are taken by their names, in any order', () => {
    const { release } = readChoice(['grant.json', 'package.wspkg', 'image.json'].map(file))
    expect([release?.package.name, release?.image.name, release?.grant.name]).toEqual([
      'package.wspkg',
      'image.json',
      'grant.json',
    ])
  })

  it.each([
    [[], 'Choose all three at once.'],
    [['package.wspkg'], 'Missing: image.json, grant.json.'],
    [['package.wspkg', 'image.json', 'grant (1).json'], 'Missing: grant.json.'],
    [['package.wspkg', 'package.wspkg', 'image.json', 'grant.json'], 'Choose these three files and no others.'],
    [['package.wspkg', 'image.json', 'grant.json', 'notes.json'], 'Choose these three files and no others.'],
  ])('%j are not sent', (names, words) => {
    expect(readChoice(names.map(file))).toEqual({ release: undefined, words })
  })
})

describe('a change', () => {
  const [failed] = jobs
  const running = { ...failed!, state: 'running', code: null, endedAt: null } as const

  it('says what it does', () => {
    expect(jobName(failed!)).toBe('Install news2 1.2.0')
    expect(jobState(failed!)).toBe('failed')
    expect(jobState({ ...running, step: 'fetch', bytes: 920_000 })).toBe('fetching 920.0 kB of 1.8 MB')
    expect(jobState({ ...running, waiting: 'turn' })).toBe('waits for another change')
    expect(jobState({ ...running, state: 'done', step: 'stage' })).toBe('staged')
  })

  it('has a share of progress only while bytes are counted', () => {
    expect(jobShare({ ...running, step: 'fetch', bytes: 5, totalBytes: 10 })).toBe(0.5)
    expect(jobShare({ ...running, step: 'fetch', totalBytes: 0 })).toBeUndefined()
    expect(jobShare({ ...running, step: 'prove' })).toBeUndefined()
  })

  it('can be given up until it begins to change what runs', () => {
    expect(canBeCancelled({ ...running, step: 'prove' })).toBe(true)
    expect(canBeCancelled({ ...running, step: 'point' })).toBe(false)
    expect(canBeCancelled({ ...running, step: 'prove', code: 'package_revoked' })).toBe(false)
    expect(canBeCancelled(failed!)).toBe(false)
  })
})
