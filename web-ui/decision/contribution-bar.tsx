const HALF = 100
const HEIGHT = 18

/** To the right of the middle what raised the score, to the left what lowered it. The number stands beside it. */
export function ContributionBar({ value, error, widest }: { value: number; error: number; widest: number }) {
  const scaled = (size: number) => (HALF * size) / widest
  const end = HALF + scaled(value)
  return (
    <svg class="contribution-bar" viewBox={`0 0 ${2 * HALF} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <rect
        class={value < 0 ? 'lowers' : 'raises'}
        x={Math.min(HALF, end)}
        y="3"
        width={Math.abs(scaled(value))}
        height={HEIGHT - 6}
      />
      {error > 0 && <path class="error" d={`M${end - scaled(error)} ${HEIGHT / 2}H${end + scaled(error)}`} />}
      <path class="middle" d={`M${HALF} 0v${HEIGHT}`} />
    </svg>
  )
}
