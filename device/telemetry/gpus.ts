import type { Found } from './found.ts'
import type { System } from './system.ts'
import type { Tool } from './tool.ts'

export interface GpuSample {
  readonly index: number
  readonly name: string
  /** What the card does not tell is null. */
  readonly utilisationPercent: number | null
  readonly memoryUsedBytes: number | null
  readonly memoryTotalBytes: number | null
  readonly temperatureCelsius: number | null
}

const FIELDS = 'index,name,utilization.gpu,memory.used,memory.total,temperature.gpu'
const MAX_GPUS = 64
const MAX_OUTPUT_BYTES = 16_384
const MEBIBYTE = 1024 * 1024
/** Printable ASCII; a name that is longer or holds anything else is not one that the driver gives. */
const NAME = /^[\x20-\x7e]{1,80}$/

/** The driver's own tool. It is known to hang with a card that has fallen off the bus: it is killed at `timeoutMs`. */
export function startGpuTool(system: System, nvidiaSmi: string, timeoutMs: number): Tool {
  const args = [`--query-gpu=${FIELDS}`, '--format=csv,noheader,nounits']
  return system.startTool(nvidiaSmi, args, { timeoutMs, maxBytes: MAX_OUTPUT_BYTES })
}

/** A machine without the tool has no GPU that we could use: absent. */
export async function readGpus(tool: Tool): Promise<Found<readonly GpuSample[]>> {
  const output = await tool.ask()
  if (output.state !== 'found') return output
  const gpus = parseGpus(output.value)
  return gpus === undefined
    ? { state: 'unreadable', why: 'nvidia-smi said something else' }
    : { state: 'found', value: gpus }
}

/** One card per line; pure. Undefined when any line is not as asked: half an answer would hide a card. */
export function parseGpus(csv: string): readonly GpuSample[] | undefined {
  const lines = csv.split('\n').filter((line) => line.trim() !== '')
  if (lines.length > MAX_GPUS) return undefined
  const gpus = lines.map(parseGpu)
  return gpus.every((gpu) => gpu !== undefined) ? gpus : undefined
}

function parseGpu(line: string): GpuSample | undefined {
  const parts = line.split(',').map((part) => part.trim())
  // A comma inside the name belongs to the name: the numbers are counted from both ends.
  const name = parts.slice(1, -4).join(', ')
  const [utilisation, used, total, temperature] = parts.slice(-4).map(parseNumber)
  const index = parseNumber(parts[0] ?? '')
  if (parts.length < 6 || !NAME.test(name) || typeof index !== 'number') return undefined
  if (utilisation === undefined || used === undefined || total === undefined || temperature === undefined)
    return undefined
  return {
    index,
    name,
    utilisationPercent: utilisation,
    memoryUsedBytes: used === null ? null : used * MEBIBYTE,
    memoryTotalBytes: total === null ? null : total * MEBIBYTE,
    temperatureCelsius: temperature,
  }
}

/** A whole number; null for what the card does not tell, which the tool puts in brackets; undefined for anything else. */
function parseNumber(text: string): number | null | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  return /^\[[A-Za-z/ ]+\]$|^N\/A$/.test(text) ? null : undefined
}
