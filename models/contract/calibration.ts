import { ensure } from './contract-fault.ts'
import type { Calibration, Contract } from './schema.ts'

type Point = Extract<Calibration, { method: 'isotonic' }>['points'][number]

/**
 * A raw probability, first limited to 0 … 1, as the contract calibrates it: by Platt scaling (Platt 1999), where 0 and 1
 * stay what they are, as the limits of the formula; or isotonic (Zadrozny and Elkan 2002), along straight lines between the
 * points, level beyond the first and the last. A higher raw probability never becomes a lower one.
 */
export function calibrateProbability(raw: number, calibration: Calibration): number {
  const probability = Math.min(Math.max(raw, 0), 1)
  if (calibration.method === 'none') return probability
  if (calibration.method === 'isotonic') return alongPoints(probability, calibration.points)
  const logit = Math.log(probability / (1 - probability))
  return 1 / (1 + Math.exp(-(calibration.slope * logit + calibration.intercept)))
}

/** The points are in order, as {@link verifyCalibration} has it. NaN stays NaN. */
function alongPoints(probability: number, points: readonly Point[]): number {
  let [low, high] = [0, points.length - 1]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((points[middle] as Point).raw <= probability) low = middle
    else high = middle
  }
  const [from, to] = [points[low] as Point, points[high] as Point]
  const share = (Math.min(Math.max(probability, from.raw), to.raw) - from.raw) / (to.raw - from.raw)
  if (share === 1) return to.calibrated
  // The last bit of the sum may lie beyond the end of the line.
  return Math.min(from.calibrated + share * (to.calibrated - from.calibrated), to.calibrated)
}

/**
 * Holds a calibration to keep the order of risks: a slope above zero, points that rise (in `raw` each, in `calibrated` never
 * down and not level throughout); and there is a probability to calibrate.
 * @throws ContractError contract_inconsistent, about a path below `calibration`
 */
export function verifyCalibration({ calibration, outputs }: Pick<Contract, 'calibration' | 'outputs'>): void {
  if (calibration.method === 'none') return
  if (calibration.method === 'platt') ensure(calibration.slope > 0, 'calibration.slope')
  else verifyPoints(calibration.points)
  ensure(
    outputs.some(({ role }) => role === 'probability'),
    'calibration.method',
  )
}

function verifyPoints(points: readonly Point[]): void {
  points.forEach((point, index) => {
    const before = points[index - 1]
    if (before === undefined) return
    ensure(point.raw > before.raw, `calibration.points.${index}.raw`)
    ensure(point.calibrated >= before.calibrated, `calibration.points.${index}.calibrated`)
  })
  ensure((points.at(-1)?.calibrated ?? 0) > (points[0]?.calibrated ?? 0), 'calibration.points')
}
