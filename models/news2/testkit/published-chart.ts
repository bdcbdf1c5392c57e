/**
 * The published chart read line by line, as ranges of whole numbers (tenths for temperature): a second implementation,
 * written apart from the graph, that the graph is held to.
 */
export interface Observed {
  readonly respiratoryRate: number
  readonly saturation: number
  readonly scale: 1 | 2
  readonly onOxygen: boolean
  readonly systolic: number
  readonly pulse: number
  readonly consciousness: 'A' | 'C' | 'V' | 'P' | 'U'
  /** Tenths of a degree Celsius: 366 is 36.6 °C. */
  readonly temperatureTenths: number
}

/** Lowest value, highest value, points. */
type Line = readonly [number, number, number]

const NO_LIMIT = 100_000

const respiratoryRate: readonly Line[] = [
  [0, 8, 3],
  [9, 11, 1],
  [12, 20, 0],
  [21, 24, 2],
  [25, NO_LIMIT, 3],
]
const saturationScale1: readonly Line[] = [
  [0, 91, 3],
  [92, 93, 2],
  [94, 95, 1],
  [96, 100, 0],
]
const saturationScale2Low: readonly Line[] = [
  [0, 83, 3],
  [84, 85, 2],
  [86, 87, 1],
  [88, 92, 0],
]
const saturationScale2OnOxygen: readonly Line[] = [
  [93, 94, 1],
  [95, 96, 2],
  [97, 100, 3],
]
const systolic: readonly Line[] = [
  [0, 90, 3],
  [91, 100, 2],
  [101, 110, 1],
  [111, 219, 0],
  [220, NO_LIMIT, 3],
]
const pulse: readonly Line[] = [
  [0, 40, 3],
  [41, 50, 1],
  [51, 90, 0],
  [91, 110, 1],
  [111, 130, 2],
  [131, NO_LIMIT, 3],
]
const temperature: readonly Line[] = [
  [0, 350, 3],
  [351, 360, 1],
  [361, 380, 0],
  [381, 390, 1],
  [391, NO_LIMIT, 2],
]

/** The seven points in the order of the chart. */
export function chartPoints(observed: Observed): number[] {
  return [
    lookUp(respiratoryRate, observed.respiratoryRate),
    saturationPoints(observed),
    observed.onOxygen ? 2 : 0,
    lookUp(systolic, observed.systolic),
    lookUp(pulse, observed.pulse),
    observed.consciousness === 'A' ? 0 : 3,
    lookUp(temperature, observed.temperatureTenths),
  ]
}

/** 0 none, 1 low, 2 low–medium, 3 medium, 4 high. */
export function chartBand(points: readonly number[]): number {
  const total = points.reduce((sum, value) => sum + value, 0)
  switch (true) {
    case total >= 7:
      return 4
    case total === 5 || total === 6:
      return 3
    case points.some((value) => value === 3):
      return 2
    default:
      return total === 0 ? 0 : 1
  }
}

function saturationPoints({ saturation, scale, onOxygen }: Observed): number {
  if (scale === 1) return lookUp(saturationScale1, saturation)
  if (saturation <= 92) return lookUp(saturationScale2Low, saturation)
  return onOxygen ? lookUp(saturationScale2OnOxygen, saturation) : 0
}

function lookUp(lines: readonly Line[], value: number): number {
  return lines.find(([low, high]) => value >= low && value <= high)?.[2] ?? Number.NaN
}
