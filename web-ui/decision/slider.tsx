import { useId } from 'preact/hooks'
import { numberText } from '../words/numbers.ts'

interface SliderProps {
  readonly name: string
  readonly value: number
  readonly low: number
  readonly high: number
  readonly step: number
  readonly unit?: string
  set(value: number): void
}

/** The value is read out as it is shown, with its unit. */
export function Slider({ name, value, low, high, step, unit = '', set }: SliderProps) {
  const id = useId()
  const shown = `${numberText(value)}${unit}`
  return (
    <div class="slider">
      <p>
        <label for={id}>{name}</label>
        <span aria-hidden="true">{shown}</span>
      </p>
      <input
        id={id}
        type="range"
        min={low}
        max={high}
        step={step}
        value={value}
        aria-valuetext={shown}
        onInput={(event) => set(event.currentTarget.valueAsNumber)}
      />
    </div>
  )
}
