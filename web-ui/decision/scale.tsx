import { numberText, percentText } from '../words/numbers.ts'

interface ScaleProps {
  readonly value: number
  readonly range: { readonly low: number; readonly high: number }
  readonly threshold: { readonly alertAt: number; readonly clearBelow?: number | undefined } | null
  readonly isShare: boolean
}

const WIDTH = 240

/** Where a value lies between the least and the most that there is, and where alerts begin. */
export function Scale({ value, range, threshold, isShare }: ScaleProps) {
  const { low, high } = range
  const place = (at: number) => (WIDTH * Math.min(1, Math.max(0, (at - low) / (high - low || 1)))).toFixed(1)
  const shown = (at: number) => (isShare ? percentText(at) : numberText(at))
  const alertAt =
    threshold !== null && threshold.alertAt >= low && threshold.alertAt <= high ? threshold.alertAt : undefined
  return (
    <svg class="scale" viewBox={`-8 0 ${WIDTH + 16} 34`} role="img" aria-label={describe(shown, value, range, alertAt)}>
      <rect class="scale-track" x="0" y="12" width={WIDTH} height="6" rx="3" />
      <rect class="scale-value" x="0" y="12" width={place(value)} height="6" rx="3" />
      {alertAt !== undefined && <path class="scale-alert" d={`M${place(alertAt)} 7v16`} />}
      <circle class="scale-point" cx={place(value)} cy="15" r="5" />
      <text x="0" y="32">
        {shown(low)}
      </text>
      <text x={WIDTH} y="32" text-anchor="end">
        {shown(high)}
      </text>
    </svg>
  )
}

function describe(
  shown: (at: number) => string,
  value: number,
  { low, high }: ScaleProps['range'],
  alertAt: number | undefined,
): string {
  const alert = alertAt === undefined ? '' : `; an alert begins at ${shown(alertAt)}`
  return `${shown(value)} on a scale from ${shown(low)} to ${shown(high)}${alert}`
}
