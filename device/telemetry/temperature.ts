import type { Found } from './found.ts'
import type { System } from './system.ts'

const MAX_SENSORS = 256
const MAX_BYTES = 4096
/** Chips whose inputs are all connected. A board's own chip reports numbers for pins that nothing is attached to. */
const TRUSTED_CHIPS = ['coretemp', 'k10temp', 'zenpower', 'nvme']
/** Outside of this a sensor is not measuring. */
const PLAUSIBLE = { above: -40, below: 150 }

/** The hottest sensor of processors and drives, in degrees Celsius; absent where the machine shows none. */
export async function readTemperature(system: System): Promise<Found<number>> {
  const readings: number[] = []
  const faults: string[] = []
  for (const path of [...(await zonePaths(system, faults)), ...(await chipPaths(system, faults))]) {
    const text = await system.readText(path, MAX_BYTES)
    if (text.state === 'unreadable') faults.push(text.why)
    const celsius = text.state === 'found' ? parseMillidegrees(text.value) : undefined
    if (celsius !== undefined) readings.push(celsius)
  }
  if (readings.length > 0) return { state: 'found', value: Math.max(...readings) }
  return faults[0] === undefined ? { state: 'absent' } : { state: 'unreadable', why: faults[0] }
}

/** Thousandths of a degree, as thermal zones and hwmon write them, to one decimal; undefined when it cannot be a temperature. */
export function parseMillidegrees(text: string): number | undefined {
  if (!/^-?\d{1,7}\s*$/.test(text)) return undefined
  const celsius = Math.round(Number(text) / 100) / 10
  return celsius > PLAUSIBLE.above && celsius < PLAUSIBLE.below ? celsius : undefined
}

async function zonePaths(system: System, faults: string[]): Promise<string[]> {
  const zones = await entries(system, '/sys/class/thermal', faults)
  return zones.filter((name) => /^thermal_zone\d+$/.test(name)).map((name) => `/sys/class/thermal/${name}/temp`)
}

async function chipPaths(system: System, faults: string[]): Promise<string[]> {
  const paths: string[] = []
  for (const chip of (await entries(system, '/sys/class/hwmon', faults)).filter((name) => /^hwmon\d+$/.test(name))) {
    const folder = `/sys/class/hwmon/${chip}`
    const name = await system.readText(`${folder}/name`, MAX_BYTES)
    if (name.state !== 'found' || !TRUSTED_CHIPS.includes(name.value.trim())) continue
    const inputs = (await entries(system, folder, faults)).filter((input) => /^temp\d+_input$/.test(input))
    paths.push(...inputs.map((input) => `${folder}/${input}`))
  }
  return paths.slice(0, MAX_SENSORS)
}

async function entries(system: System, path: string, faults: string[]): Promise<readonly string[]> {
  const names = await system.list(path, MAX_SENSORS)
  if (names.state === 'unreadable') faults.push(names.why)
  return names.state === 'found' ? names.value : []
}
