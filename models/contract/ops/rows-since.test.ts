import { describe, expect, it } from 'vitest'
import { rowsSince } from './rows-since.ts'

const none = Number.NaN

describe('rowsSince', () => {
  it('counts the rows since each column was last measured', () => {
    const cells = Float64Array.from([none, 7, 5, none, none, none, none, 9])
    const { rows, columns, cells: since } = rowsSince({ rows: 4, columns: 2, cells })
    expect({ rows, columns }).toEqual({ rows: 4, columns: 2 })
    expect(Array.from(since)).toEqual([none, 0, 0, 1, 1, 2, 2, 0])
  })

  it('says missing where nothing was measured, and takes 0 for a value', () => {
    expect(Array.from(rowsSince({ rows: 3, columns: 1, cells: Float64Array.from([none, none, none]) }).cells)).toEqual([
      none,
      none,
      none,
    ])
    expect(Array.from(rowsSince({ rows: 2, columns: 1, cells: Float64Array.from([0, -0]) }).cells)).toEqual([0, 0])
  })
})
