import { Panel } from '../parts/panel.tsx'
import { Scrolling } from '../parts/scrolling.tsx'
import { numberText } from '../words/numbers.ts'
import { spanText } from '../words/times.ts'
import { unitText } from '../words/units.ts'
import type { Summary } from './slot-list.tsx'

type Input = Summary['inputs'][number]

/** What an integrator has to send. */
export function InputsOfModel({ summary: { inputs, image } }: { summary: Summary }) {
  if (inputs.length === 0 && image === null) return null
  return (
    <Panel title="What it takes">
      {image !== null && (
        <p>
          {image.display}: one {image.form === 'volume' ? 'volume' : 'image'}, as{' '}
          {image.formats.map((format) => format.toUpperCase()).join(' or ')}.
        </p>
      )}
      {inputs.length > 0 && (
        <details>
          <summary>Inputs ({inputs.length})</summary>
          <Scrolling label="Inputs of the model">
            <table class="list">
              <thead>
                <tr>
                  <th scope="col">Input</th>
                  <th scope="col">Unit or values</th>
                  <th scope="col">Plausible</th>
                  <th scope="col">Not older than</th>
                </tr>
              </thead>
              <tbody>
                {inputs.map((input) => (
                  <tr key={input.name}>
                    <th scope="row">
                      {input.display}
                      <span class="sub">
                        {input.name}
                        {input.required ? ' · essential' : ''}
                        {input.series ? ' · over time' : ''}
                      </span>
                    </th>
                    <td>{takes(input)}</td>
                    <td>
                      {input.range === null ? '–' : `${numberText(input.range.low)} to ${numberText(input.range.high)}`}
                    </td>
                    <td>{spanText(input.maxAgeMinutes * 60_000)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scrolling>
        </details>
      )}
    </Panel>
  )
}

function takes({ kind, unit, values, tensor }: Input): string {
  if (kind === 'quantity') return unitText(unit) || 'a number'
  if (kind === 'boolean') return 'yes or no'
  if (kind === 'code') return (values ?? []).join(', ')
  const dims = (tensor?.dims ?? []).map((size) => (typeof size === 'number' ? size : `up to ${size.max}`))
  return `${tensor?.dtype ?? 'tensor'} [${dims.join(' × ')}]`
}
