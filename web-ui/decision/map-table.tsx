import type { Explanation } from '../api/answers.ts'
import { Scrolling } from '../parts/scrolling.tsx'
import { numberText } from '../words/numbers.ts'

/** The map in numbers, for whoever does not see the overlay. */
export function MapTable({ map }: { map: NonNullable<Explanation['map']> }) {
  const { rows, columns, values, rowEdges, columnEdges } = map
  return (
    <details>
      <summary>What each place contributed, as a table</summary>
      <Scrolling label="What each place of the image contributed">
        <table class="list map-table">
          <thead>
            <tr>
              <th scope="col">Rows \ columns</th>
              {columnEdges.slice(0, columns).map((edge, column) => (
                <th scope="col" key={edge} class="number">
                  {edge}–{(columnEdges[column + 1] ?? edge) - 1}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rowEdges.slice(0, rows).map((edge, row) => (
              <tr key={edge}>
                <th scope="row">
                  {edge}–{(rowEdges[row + 1] ?? edge) - 1}
                </th>
                {columnEdges.slice(0, columns).map((columnEdge, column) => (
                  <td key={columnEdge} class="number">
                    {numberText(values[row * columns + column] ?? 0)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scrolling>
    </details>
  )
}
