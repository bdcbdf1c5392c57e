import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeLeaf, type LeafDraft, MAX_LEAF_BYTES, parseLeaf } from './leaf.ts'

const AT = Date.UTC(2026, 1, 3, 4, 5, 6, 7)
const invalid = expect.objectContaining({ code: 'audit_leaf_invalid' })
const bytes = (text: string) => new TextEncoder().encode(text)

describe('encodeLeaf', () => {
  test('writes canonical JSON with version, number and time', () => {
    const leaf = encodeLeaf({ kind: 'read', client: 'ward-3', count: 2 }, 17, AT)
    expect(new TextDecoder().decode(leaf)).toBe(
      '{"at":"2026-02-03T04:05:06.007Z","client":"ward-3","count":2,"kind":"read","seq":17,"v":1}',
    )
    expect(parseLeaf(leaf)).toEqual({
      v: 1,
      seq: 17,
      at: '2026-02-03T04:05:06.007Z',
      kind: 'read',
      client: 'ward-3',
      count: 2,
    })
  })

  test.each([
    ['a fraction', { kind: 'read', count: 0.5 }],
    ['an unsafe integer', { kind: 'read', count: 2 ** 53 }],
    ['NaN', { kind: 'read', count: Number.NaN }],
    ['a boolean', { kind: 'read', flag: true }],
    ['null', { kind: 'read', flag: null }],
    ['an object', { kind: 'read', flag: {} }],
    ['a lone surrogate', { kind: 'read', name: '\ud800' }],
    ['a member name with a space', { kind: 'read', 'a b': 1 }],
    ['its own seq', { kind: 'read', seq: 3 }],
    ['its own at', { kind: 'read', at: 'now' }],
    ['its own v', { kind: 'read', v: 2 }],
    ['too much', { kind: 'read', text: 'x'.repeat(MAX_LEAF_BYTES) }],
  ])('refuses %s', (_, draft) => {
    expect(() => encodeLeaf(draft as LeafDraft, 0, AT)).toThrow(invalid)
  })

  test('takes exactly the largest leaf', () => {
    const fixed = encodeLeaf({ kind: 'read', text: '' }, 0, AT).length
    expect(encodeLeaf({ kind: 'read', text: 'x'.repeat(MAX_LEAF_BYTES - fixed) }, 0, AT).length).toBe(MAX_LEAF_BYTES)
    expect(() => encodeLeaf({ kind: 'read', text: 'x'.repeat(MAX_LEAF_BYTES - fixed + 1) }, 0, AT)).toThrow(invalid)
  })
})

describe('parseLeaf', () => {
  test.each([
    ['not JSON', '{'],
    ['white space', '{ "at":"2026-02-03T04:05:06.007Z","kind":"read","seq":1,"v":1}'],
    ['members out of order', '{"kind":"read","at":"2026-02-03T04:05:06.007Z","seq":1,"v":1}'],
    ['a member twice', '{"at":"2026-02-03T04:05:06.007Z","kind":"read","kind":"read","seq":1,"v":1}'],
    ['another version', '{"at":"2026-02-03T04:05:06.007Z","kind":"read","seq":1,"v":2}'],
    ['an unknown kind', '{"at":"2026-02-03T04:05:06.007Z","kind":"rumour","seq":1,"v":1}'],
    ['a negative number', '{"at":"2026-02-03T04:05:06.007Z","kind":"read","seq":-1,"v":1}'],
    ['no number', '{"at":"2026-02-03T04:05:06.007Z","kind":"read","v":1}'],
    ['a time without milliseconds', '{"at":"2026-02-03T04:05:06Z","kind":"read","seq":1,"v":1}'],
    ['no such day', '{"at":"2026-13-03T04:05:06.007Z","kind":"read","seq":1,"v":1}'],
    ['a nested value', '{"at":"2026-02-03T04:05:06.007Z","kind":"read","more":[1],"seq":1,"v":1}'],
    ['a short commitment', '{"at":"2026-02-03T04:05:06.007Z","body":"ab","kind":"decision","seq":1,"v":1}'],
    ['an array', '[]'],
    ['null', 'null'],
  ])('refuses %s', (_, text) => {
    expect(() => parseLeaf(bytes(text))).toThrow(invalid)
  })

  test('refuses or reads any bytes, and never throws anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
        expect(() => parseLeaf(random)).toThrow(invalid)
      }),
    )
  })

  test('what is written is read back', () => {
    const member = fc.oneof(fc.maxSafeInteger(), fc.string({ unit: 'grapheme', maxLength: 40 }))
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^x[A-Za-z0-9]{0,9}$/), member), fc.nat(), (members, seq) => {
        const draft: LeafDraft = { ...members, kind: 'counted' }
        expect(parseLeaf(encodeLeaf(draft, seq, AT))).toEqual({ ...draft, v: 1, seq, at: '2026-02-03T04:05:06.007Z' })
      }),
    )
  })
})
