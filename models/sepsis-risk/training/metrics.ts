/** Scored hours sorted from the highest probability to the lowest; `weights` counts each hour (a bootstrap draws 0, 1, 2 …). */
export interface RankedHours {
  readonly probabilities: Float64Array
  readonly labels: Uint8Array
  /** Which stay each hour belongs to. */
  readonly stays: Uint32Array
}

export function rankHours(hours: readonly { probability: number; label: boolean; stay: number }[]): RankedHours {
  const ranked = hours.toSorted((left, right) => right.probability - left.probability)
  return {
    probabilities: Float64Array.from(ranked, (hour) => hour.probability),
    labels: Uint8Array.from(ranked, (hour) => (hour.label ? 1 : 0)),
    stays: Uint32Array.from(ranked, (hour) => hour.stay),
  }
}

export interface Discrimination {
  readonly auroc: number
  readonly auprc: number
}

/** Area under the ROC curve (ties count half) and average precision, each hour weighted by its stay's weight. */
export function discrimination(hours: RankedHours, stayWeights: ArrayLike<number>): Discrimination {
  let positives = 0
  let negatives = 0
  let area = 0
  let precision = 0
  for (let at = 0; at < hours.labels.length; ) {
    let tiedPositives = 0
    let tiedNegatives = 0
    for (const value = hours.probabilities[at]; at < hours.labels.length && hours.probabilities[at] === value; at++) {
      const weight = stayWeights[hours.stays[at]!]!
      if (hours.labels[at] === 1) tiedPositives += weight
      else tiedNegatives += weight
    }
    area += tiedNegatives * (positives + tiedPositives / 2)
    positives += tiedPositives
    negatives += tiedNegatives
    if (tiedPositives > 0) precision += (tiedPositives * positives) / (positives + negatives)
  }
  return { auroc: area / (positives * negatives), auprc: precision / positives }
}

/** Mean squared difference of probability and outcome, each hour weighted by its stay's weight. */
export function brierScore(hours: RankedHours, stayWeights: ArrayLike<number>): number {
  let sum = 0
  let count = 0
  hours.probabilities.forEach((probability, at) => {
    const weight = stayWeights[hours.stays[at]!]!
    sum += weight * (probability - hours.labels[at]!) ** 2
    count += weight
  })
  return sum / count
}

export interface LogisticLine {
  readonly slope: number
  readonly intercept: number
}

/**
 * Fits outcome ~ slope·logit(p) + intercept by Newton's method: Platt scaling when the hours are those of the
 * calibration part, the calibration slope and intercept when they are held out (1 and 0 are perfect).
 */
export function logisticLine(hours: RankedHours, stayWeights: ArrayLike<number>): LogisticLine {
  const logits = hours.probabilities.map((p) => Math.log(p / (1 - p)))
  let line = { slope: 1, intercept: 0 }
  for (let round = 0; round < 8; round++) line = newtonStep(line, logits, hours, stayWeights)
  return line
}

function newtonStep(
  line: LogisticLine,
  logits: Float64Array,
  hours: RankedHours,
  stayWeights: ArrayLike<number>,
): LogisticLine {
  let [g0, g1, h00, h01, h11] = [0, 0, 0, 0, 0]
  logits.forEach((logit, at) => {
    const weight = stayWeights[hours.stays[at]!]!
    const p = 1 / (1 + Math.exp(-(line.slope * logit + line.intercept)))
    const error = weight * (p - hours.labels[at]!)
    const curve = weight * p * (1 - p)
    g0 += error
    g1 += error * logit
    h00 += curve
    h01 += curve * logit
    h11 += curve * logit * logit
  })
  const determinant = h00 * h11 - h01 * h01
  return {
    intercept: line.intercept - (h11 * g0 - h01 * g1) / determinant,
    slope: line.slope - (h00 * g1 - h01 * g0) / determinant,
  }
}

/** Platt scaling of one probability. */
export function calibrated(probability: number, line: LogisticLine): number {
  return 1 / (1 + Math.exp(-(line.slope * Math.log(probability / (1 - probability)) + line.intercept)))
}
