import { describe, expect, it } from 'vitest'
import { indented } from './indented-json.ts'

describe('a record for a person', () => {
  it('is JSON over several lines, numbers side by side', () => {
    const value = { name: 'x', none: null, empty: [], nothing: {}, edges: [0, 2, 4], list: [{ a: 1 }, 'b'], last: true }
    const text = indented(value)
    expect(JSON.parse(text)).toEqual(value)
    expect(text).toContain('    "edges": [0, 2, 4],\n')
    expect(text).toMatch(/^ {2}\{\n {4}"name": "x",\n/)
  })

  it('breaks many numbers into lines, and loses none of them', () => {
    const numbers = Array.from({ length: 500 }, (_, index) => index / 7)
    const text = indented({ numbers })
    expect(JSON.parse(text)).toEqual({ numbers })
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThan(120)
  })

  it('lays a map out as it lies over the image', () => {
    const map = { rows: 2, columns: 3, values: [0.123456, -2, 0, 1e-7, 12345, 0.5], rowEdges: [0, 1, 2] }
    expect(indented({ map })).toBe(
      [
        '  {',
        '    "map": {',
        '      "rows": 2,',
        '      "columns": 3,',
        '      "values": [ to 3 digits, exact with --json',
        '        0.123     -2      0',
        '         1e-7  12300    0.5',
        '      ],',
        '      "rowEdges": [0, 1, 2]',
        '    }',
        '  }',
        '',
      ].join('\n'),
    )
  })

  it('takes only for a map what is one', () => {
    for (const other of [
      { rows: 2, columns: 3, values: [1, 2, 3] },
      { rows: 'a', columns: 1, values: [1] },
      { rows: 0, columns: 0, values: [] },
      { rows: 1, columns: 2, values: [1, null] },
      { values: [0.123456] },
    ])
      expect(JSON.parse(indented(other))).toEqual(other)
  })

  it('does not flood the screen with the bytes of an image, nor let text act on it', () => {
    const text = indented({ deflated: 'A'.repeat(1_000_000), said: 'a\u001b[2J\u202eb' })
    expect(text.length).toBeLessThan(300)
    expect(text).toContain('(1000000 characters, whole with --json)')
    for (const character of ['\u001b', '\u202e']) expect(text).not.toContain(character)
  })
})
