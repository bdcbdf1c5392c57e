import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isErrorCode, statusOf } from '../runtime/http/error-map.ts'
import { parseErrorRows, readErrorTables } from './error-tables.ts'
import { outsideRooms, rooms, root } from './source-tree.ts'

const entries = await readErrorTables([...rooms, ...outsideRooms])
const rows = parseErrorRows(readFileSync(join(root, 'docs/errors.md'), 'utf8'))

/** What stands in one list more than once, or in one list and not in the other. */
const repeated = (list: readonly string[]) => list.filter((item, index) => list.indexOf(item) !== index)
const missing = (list: readonly string[], from: readonly string[]) => list.filter((item) => !from.includes(item))

describe('error codes and docs/errors.md', () => {
  const codes = entries.map((entry) => entry.code)
  const documented = rows.map((row) => row.code)

  it('finds the tables', () => {
    expect(new Set(entries.map((entry) => entry.path)).size).toBeGreaterThan(8)
  })

  it('no code means two things', () => {
    expect(repeated(codes)).toEqual([])
  })

  it('every code has one row, and every row a code', () => {
    expect({
      withoutRow: missing(codes, documented),
      withoutCode: missing(documented, codes),
      twice: repeated(documented),
    }).toEqual({
      withoutRow: [],
      withoutCode: [],
      twice: [],
    })
  })

  it('every row says the HTTP status that is sent, or that none is', () => {
    const status = (code: string) => (isErrorCode(code) ? String(statusOf(code)) : '–')
    expect(
      rows.filter((row) => row.status !== status(row.code)).map((row) => `${row.code}: ${status(row.code)}`),
    ).toEqual([])
  })

  it('every row says what happened and what to do', () => {
    expect(rows.filter((row) => row.happened.length < 10 || row.todo.length < 10)).toEqual([])
  })

  it('no message could carry what was sent', () => {
    expect(entries.filter((entry) => /[$%]\{|%[sdj]/.test(entry.message) || !entry.message.endsWith('.'))).toEqual([])
  })
})

describe('the parity check catches', () => {
  it('a missing, a stray and a repeated code', () => {
    expect([missing(['a', 'b'], ['b']), missing(['c'], ['a', 'b']), repeated(['a', 'b', 'a'])]).toEqual([
      ['a'],
      ['c'],
      ['a'],
    ])
  })

  it('only whole rows', () => {
    expect(parseErrorRows('| `a_b` | 500 | It broke. | Mend it. |\n| `c` | no end\n| code | HTTP | x | y |')).toEqual([
      { code: 'a_b', status: '500', happened: 'It broke.', todo: 'Mend it.' },
    ])
  })
})
