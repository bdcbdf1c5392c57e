import type { Volume } from './image-facts.ts'

/** Opposite ends of the patient's three axes: right to left, back to front, down to up; NIfTI's positive end is the second. */
const ends = [
  ['L', 'R'],
  ['P', 'A'],
  ['F', 'H'],
] as const

/** A letter of PatientOrientation, or of a volume's axes (S and I for H and F), as an axis and an end of it. */
export interface PatientAxis {
  readonly axis: 0 | 1 | 2
  readonly isPositive: boolean
}

/** The axis that the first letter names: an oblique direction such as `LF` goes mostly to the left. */
export function patientAxis(letters: string | undefined): PatientAxis | undefined {
  switch (letters?.charAt(0)) {
    case 'R':
    case 'L':
      return { axis: 0, isPositive: letters.startsWith('R') }
    case 'A':
    case 'P':
      return { axis: 1, isPositive: letters.startsWith('A') }
    case 'H':
    case 'S':
      return { axis: 2, isPositive: true }
    case 'F':
    case 'I':
      return { axis: 2, isPositive: false }
    default:
      return undefined
  }
}

/** Where a row and a column go, of ImageOrientationPatient: six cosines, to the left, posterior and superior. */
export function planeLetters(cosines: readonly number[]): readonly string[] {
  const ras = cosines.map((cosine, index) => (index % 3 === 2 ? cosine : -cosine))
  return lettersOf([ras.slice(0, 3), ras.slice(3, 6)])
}

/** Where columns, rows and frames go. Axes that lie askew are given to the patient's axes by what agrees best, each to one. */
export function volumeLetters({ affineRas, spacingMm }: Volume): readonly string[] {
  return lettersOf(spacingMm.map((size, axis) => [0, 4, 8].map((row) => (affineRas[row + axis] ?? 0) / size)))
}

function lettersOf(directions: readonly (readonly number[])[]): readonly string[] {
  const letters = directions.map(() => '')
  const pairs = directions.flatMap((direction, own) => direction.map((cosine, patient) => ({ own, patient, cosine })))
  const taken = new Set<number>()
  for (const { own, patient, cosine } of pairs.toSorted((a, b) => Math.abs(b.cosine) - Math.abs(a.cosine))) {
    if (letters[own] !== '' || taken.has(patient)) continue
    taken.add(patient)
    letters[own] = ends[patient]?.[cosine >= 0 ? 1 : 0] ?? ''
  }
  return letters
}
