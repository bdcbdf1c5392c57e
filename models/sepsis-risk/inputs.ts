/** What the sepsis score reads. The contract comes from here, and from the contract the training. */
export interface SepsisInput {
  readonly name: string
  readonly display: string
  /** `essential`: no decision without a recent one. `measured`: the model was made with it missing. `context`: what is known of the stay. */
  readonly kind: 'essential' | 'measured' | 'context'
  /** Column of the PhysioNet/CinC Challenge 2019 files. */
  readonly column: string
  /** The unit those values are in, where it differs from the challenge's own table the one they are measured in. */
  readonly unit: string
  readonly molarMass?: number
  readonly valence?: number
  readonly loinc: readonly string[]
  /** Physiologically possible, inclusive: what lies outside is an artefact or a wrong unit, and counts as not measured. */
  readonly range: { readonly low: number; readonly high: number }
  /** Older than this is stale. */
  readonly maxAgeHours: number
}

type Named = readonly [column: string, name: string, display: string, unit: string, loinc: readonly string[]]

/** A day and the hour now: a value exactly 24 hours old is still seen. */
export const OBSERVED_HOURS = 25
const ESSENTIAL_HOURS = 4
const MEASURED_HOURS = OBSERVED_HOURS - 1
const ALWAYS_HOURS = 8760

export const MINIMUM_AGE_YEARS = 18

/** Of the package, and of the model file in it. */
export const SEPSIS_RISK_VERSION = '0.2.0'

export const sepsisInputs: readonly SepsisInput[] = [
  essential(['HR', 'heart-rate', 'Heart rate', '/min', ['8867-4']], 10, 350),
  essential(['O2Sat', 'spo2', 'Oxygen saturation by pulse oximetry', '%', ['59408-5', '2708-6']], 20, 100),
  essential(['SBP', 'systolic-pressure', 'Systolic blood pressure', 'mm[Hg]', ['8480-6']], 20, 350),
  measured(['Resp', 'respiratory-rate', 'Respiratory rate', '/min', ['9279-1']], 1, 100),
  measured(['Temp', 'temperature', 'Body temperature', 'Cel', ['8310-5']], 20, 46),
  measured(['MAP', 'mean-pressure', 'Mean arterial pressure', 'mm[Hg]', ['8478-0']], 10, 300),
  measured(['DBP', 'diastolic-pressure', 'Diastolic blood pressure', 'mm[Hg]', ['8462-4']], 5, 250),
  measured(['FiO2', 'inspired-oxygen', 'Fraction of inspired oxygen', '1', ['3150-6']], 0.15, 1),
  measured(['pH', 'ph', 'pH of blood', '[pH]', ['2744-1']], 6.3, 8),
  measured(['PaCO2', 'paco2', 'Carbon dioxide pressure in arterial blood', 'mm[Hg]', ['2019-8']], 5, 250),
  measured(['Lactate', 'lactate', 'Lactate in blood', 'mmol/L', ['32693-4', '2524-7']], 0.05, 40, { molarMass: 90.08 }),
  measured(['Creatinine', 'creatinine', 'Creatinine in serum or plasma', 'mg/dL', ['2160-0']], 0.05, 50, {
    molarMass: 113.12,
  }),
  // Two nitrogen atoms per molecule of urea.
  measured(['BUN', 'urea-nitrogen', 'Urea nitrogen in serum or plasma', 'mg/dL', ['3094-0']], 0.5, 400, {
    molarMass: 28.014,
  }),
  measured(['Potassium', 'potassium', 'Potassium in serum or plasma', 'mmol/L', ['2823-3']], 0.5, 15, { valence: 1 }),
  measured(['Phosphate', 'phosphate', 'Phosphate in serum or plasma', 'mg/dL', ['2777-1']], 0.1, 40, {
    molarMass: 30.974,
  }),
  measured(['Magnesium', 'magnesium', 'Magnesium in serum or plasma', 'mg/dL', ['19123-9']], 0.1, 20, {
    molarMass: 24.305,
    valence: 2,
  }),
  // The column mixes total calcium with ionised, which is below the range and so counts as not measured.
  measured(['Calcium', 'calcium', 'Total calcium in serum or plasma', 'mg/dL', ['17861-6']], 3, 25, {
    molarMass: 40.078,
    valence: 2,
  }),
  measured(['Glucose', 'glucose', 'Glucose in serum or plasma', 'mg/dL', ['2345-7']], 5, 2000, { molarMass: 180.156 }),
  measured(['WBC', 'white-cells', 'Leukocytes in blood', '10*3/uL', ['6690-2']], 0.01, 500),
  measured(['Hgb', 'haemoglobin', 'Haemoglobin in blood', 'g/dL', ['718-7']], 1, 30),
  measured(['Platelets', 'platelets', 'Platelets in blood', '10*3/uL', ['777-3']], 0.5, 4000),
  measured(['PTT', 'aptt', 'Activated partial thromboplastin time', 's', ['14979-9', '3173-2']], 5, 400),
  measured(['AST', 'ast', 'Aspartate aminotransferase', 'U/L', ['1920-8']], 1, 50_000),
  measured(['Bilirubin_total', 'bilirubin', 'Total bilirubin in serum or plasma', 'mg/dL', ['1975-2']], 0.02, 80, {
    molarMass: 584.66,
  }),
  measured(['TroponinI', 'troponin-i', 'Troponin I in serum or plasma', 'ng/mL', ['10839-9']], 0.001, 2000),
  context(['Age', 'age', 'Age', 'a', ['30525-0']], 0, 130, ALWAYS_HOURS),
  context(['ICULOS', 'icu-hours', 'Hours since admission to the ICU', 'h', []], 0, 20_000, 1),
  // Counted from the ICU back: 12 hours in hospital before it are −12.
  context(
    ['HospAdmTime', 'hospital-to-icu-hours', 'Hours from the ICU back to admission to hospital', 'h', []],
    -20_000,
    1,
    ALWAYS_HOURS,
  ),
]

export const vitalInputs = namesOf(
  'heart-rate',
  'spo2',
  'systolic-pressure',
  'respiratory-rate',
  'temperature',
  'mean-pressure',
  'diastolic-pressure',
)
export const seriesInputs = sepsisInputs.filter(({ kind }) => kind !== 'context').map(({ name }) => name)
export const contextInputs = sepsisInputs.filter(({ kind }) => kind === 'context').map(({ name }) => name)

function essential([column, name, display, unit, loinc]: Named, low: number, high: number): SepsisInput {
  return { kind: 'essential', column, name, display, unit, loinc, range: { low, high }, maxAgeHours: ESSENTIAL_HOURS }
}

function measured(
  [column, name, display, unit, loinc]: Named,
  low: number,
  high: number,
  conversion: Pick<SepsisInput, 'molarMass' | 'valence'> = {},
): SepsisInput {
  const range = { low, high }
  return { kind: 'measured', column, name, display, unit, loinc, range, maxAgeHours: MEASURED_HOURS, ...conversion }
}

function context(
  [column, name, display, unit, loinc]: Named,
  low: number,
  high: number,
  maxAgeHours: number,
): SepsisInput {
  return { kind: 'context', column, name, display, unit, loinc, range: { low, high }, maxAgeHours }
}

/** Names that are checked against the list when this file is read. */
function namesOf(...names: readonly string[]): readonly string[] {
  return names.filter((name) => sepsisInputs.some((input) => input.name === name))
}
