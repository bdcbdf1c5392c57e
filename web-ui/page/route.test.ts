import { describe, expect, it } from 'vitest'
import { decisionLink, modelLink, parseRoute } from './route.ts'

const ID = '11111111-1111-4111-8111-111111111111'

describe('the route in the fragment', () => {
  it.each([
    ['', { page: 'now' }],
    ['#', { page: 'now' }],
    ['#/', { page: 'now' }],
    ['#/decision', { page: 'decision', id: undefined }],
    [decisionLink(ID), { page: 'decision', id: ID }],
    ['#/models', { page: 'models', slot: undefined }],
    [modelLink('sepsis-risk'), { page: 'models', slot: 'sepsis-risk' }],
  ])('%s', (hash, route) => {
    expect(parseRoute(hash)).toEqual(route)
  })

  it.each([
    '#/x',
    '#/decision/1',
    `#/decision/${ID}/outputs`,
    '#/decision/..',
    '#/models/..',
    '#/models/A',
    '#/models/a?b',
    '#//now',
    '#/decision/',
  ])('%s names no page, so nothing of it gets into an address that is asked for', (hash) => {
    expect(parseRoute(hash)).toEqual({ page: 'unknown' })
  })
})
