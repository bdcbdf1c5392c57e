import type { HourlyRow, HourlyValue } from '../sepsis-risk/hourly.ts'
import { type SeededRandom, seededRandom } from './seeded-random.ts'

/** A made-up patient with a physiology: nobody's data. */
export interface SyntheticPatient {
  /** `synthetic-1`, `synthetic-2`, … */
  readonly id: string
  readonly trajectory: Trajectory
  readonly ageYears: number
  /** One row an hour: vital signs, every eight hours laboratory values, and what NEWS2 asks for. */
  readonly rows: readonly HourlyRow[]
}

export type Trajectory = 'stable' | 'deteriorating' | 'septic'

const trajectories: readonly Trajectory[] = ['stable', 'septic', 'deteriorating']
const LAB_INTERVAL_HOURS = 8
/** One patient in five: nobody wrote down whether they breathe air, so NEWS2 must refuse. */
const OXYGEN_UNDOCUMENTED_EVERY = 5
const LABEL_LEAD_HOURS = 6

/**
 * Patients with hourly vital signs, of each trajectory in turn. The same seed and count give the same patients, and a
 * larger count keeps the first ones.
 */
export function syntheticPatients(seed: number, count: number): SyntheticPatient[] {
  return Array.from({ length: count }, (_, index) => {
    const random = seededRandom(seed + 7919 * index)
    const trajectory = trajectories[index % trajectories.length] ?? 'stable'
    const person = drawPerson(random)
    const oxygenDocumented = index % OXYGEN_UNDOCUMENTED_EVERY !== OXYGEN_UNDOCUMENTED_EVERY - 1
    const rows = drawRows(random, person, trajectory, oxygenDocumented)
    return { id: `synthetic-${index + 1}`, trajectory, ageYears: person.ageYears, rows }
  })
}

/** Where this person's values lie when well. */
interface Person {
  readonly ageYears: number
  readonly heartRate: number
  readonly systolic: number
  readonly respiration: number
  readonly saturation: number
  readonly creatinine: number
  readonly hours: number
  readonly onset: number
}

function drawPerson(random: SeededRandom): Person {
  const hours = 24 + random.integer(36)
  return {
    ageYears: 20 + random.integer(70),
    heartRate: 74 + 6 * random.normal(),
    systolic: 126 + 8 * random.normal(),
    respiration: 15 + random.normal(),
    saturation: 97.4 + 0.5 * random.normal(),
    creatinine: 0.9 + 0.1 * random.normal(),
    hours,
    onset: Math.floor(hours * (0.55 + 0.2 * random.uniform())),
  }
}

function drawRows(
  random: SeededRandom,
  person: Person,
  trajectory: Trajectory,
  oxygenDocumented: boolean,
): HourlyRow[] {
  const drift = { circulation: 0, breathing: 0, warmth: 0 }
  return Array.from({ length: person.hours }, (_, hour) => {
    // A slow wander about the trend: what is measured an hour later is close to what was measured before.
    drift.circulation = 0.8 * drift.circulation + 0.6 * random.normal()
    drift.breathing = 0.8 * drift.breathing + 0.6 * random.normal()
    drift.warmth = 0.8 * drift.warmth + 0.6 * random.normal()
    const illness = illnessAt(hour, person.onset, trajectory)
    const vitals = vitalValues(person, trajectory, illness, drift)
    const documented = oxygenDocumented ? vitals : omit(vitals, 'supplemental-oxygen')
    const labs = hour % LAB_INTERVAL_HOURS === 0 ? labValues(random, person, trajectory, illness) : {}
    const context = {
      age: quantity(person.ageYears, 'a'),
      'icu-hours': quantity(hour + 1, 'h'),
      'hospital-to-icu-hours': quantity(0 - (person.hours % 7), 'h'),
      pregnant: { value: false },
    }
    const septic = trajectory === 'septic' && hour >= person.onset - LABEL_LEAD_HOURS
    return { hour, values: { ...documented, ...labs, ...context }, septic }
  })
}

/** 0 well … 1 gravely ill: an S-shaped rise about the onset; the stable stay near 0. */
function illnessAt(hour: number, onset: number, trajectory: Trajectory): number {
  return trajectory === 'stable' ? 0.05 : 1 / (1 + Math.exp(-(hour - onset) / 3))
}

interface Drift {
  readonly circulation: number
  readonly breathing: number
  readonly warmth: number
}

function vitalValues(
  person: Person,
  trajectory: Trajectory,
  illness: number,
  drift: Drift,
): Record<string, HourlyValue> {
  const septic = trajectory === 'septic' ? illness : 0
  const systolic = person.systolic - 46 * septic - 10 * illness + 4 * drift.circulation
  const onAir = person.saturation - 10 * illness + 0.5 * drift.breathing
  const onOxygen = onAir < 92
  const saturation = Math.min(100, onOxygen ? onAir + 4 : onAir)
  return {
    'heart-rate': quantity(Math.round(person.heartRate + 48 * illness + 3 * drift.circulation), '/min'),
    'respiratory-rate': quantity(Math.round(person.respiration + 13 * illness + drift.breathing), '/min'),
    spo2: quantity(Math.round(saturation), '%'),
    temperature: quantity(tenth(36.8 + 2.2 * septic + 0.2 * drift.warmth), 'Cel'),
    'systolic-pressure': quantity(Math.round(systolic), 'mm[Hg]'),
    // Diastole lasts twice as long as systole; the diastolic pressure is taken as 0.58 of the systolic.
    'mean-pressure': quantity(Math.round((systolic * (1 + 2 * 0.58)) / 3), 'mm[Hg]'),
    'diastolic-pressure': quantity(Math.round(systolic * 0.58), 'mm[Hg]'),
    'inspired-oxygen': quantity(onOxygen ? 0.4 : 0.21, '1'),
    'supplemental-oxygen': { value: onOxygen ? 'oxygen' : 'air' },
    consciousness: { value: consciousnessAt(illness) },
  }
}

function consciousnessAt(illness: number): 'A' | 'C' | 'V' {
  if (illness > 0.95) return 'V'
  return illness > 0.8 ? 'C' : 'A'
}

function labValues(
  random: SeededRandom,
  person: Person,
  trajectory: Trajectory,
  illness: number,
): Record<string, HourlyValue> {
  const septic = trajectory === 'septic' ? illness : 0
  return {
    lactate: quantity(tenth(1.2 + 1 * illness + 4 * septic + 0.1 * random.normal()), 'mmol/L'),
    'white-cells': quantity(tenth(8 + 2 * illness + 10 * septic + 0.5 * random.normal()), '10*3/uL'),
    creatinine: quantity(tenth(person.creatinine + 0.3 * illness + 1.4 * septic), 'mg/dL'),
    'urea-nitrogen': quantity(Math.round(15 + 4 * illness + 20 * septic + random.normal()), 'mg/dL'),
    platelets: quantity(Math.round(240 - 130 * septic + 8 * random.normal()), '10*3/uL'),
    bilirubin: quantity(tenth(0.6 + 1.4 * septic), 'mg/dL'),
    ph: quantity(Math.round(100 * (7.4 - 0.1 * illness - 0.05 * septic)) / 100, '[pH]'),
    paco2: quantity(Math.round(40 - 8 * septic + 4 * illness), 'mm[Hg]'),
    potassium: quantity(tenth(4 + 0.6 * septic), 'mmol/L'),
    phosphate: quantity(tenth(3.2 + 0.9 * septic), 'mg/dL'),
    magnesium: quantity(tenth(2 - 0.2 * illness), 'mg/dL'),
    calcium: quantity(tenth(9 - 1.1 * septic), 'mg/dL'),
    glucose: quantity(Math.round(110 + 30 * illness + 40 * septic), 'mg/dL'),
    haemoglobin: quantity(tenth(12.5 - 2 * illness), 'g/dL'),
    aptt: quantity(Math.round(30 + 20 * septic), 's'),
    ast: quantity(Math.round(25 + 90 * septic), 'U/L'),
  }
}

function quantity(value: number, unit: string): HourlyValue {
  return { value, unit }
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10
}

function omit(values: Readonly<Record<string, HourlyValue>>, name: string): Record<string, HourlyValue> {
  return Object.fromEntries(Object.entries(values).filter(([key]) => key !== name))
}
