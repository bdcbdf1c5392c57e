import type { Catalogue } from '../../device/outbound/catalogue.ts'
import { type FleetIo, writeAll } from './command-io.ts'
import { loadFleetCatalogue, loadFleetConfig } from './config.ts'
import { type ExportCount, type ExportFormat, exportLines } from './export.ts'
import { blocks, writeExport } from './export-file.ts'
import { type FleetReader, openFleetReader } from './reading.ts'

export interface ExportOptions {
  readonly fromMs: number
  readonly toMs: number
  readonly format: ExportFormat
  /** A file, or standard output. */
  readonly out: string | undefined
  readonly json: boolean
}

/** Writes the records received in a span of time, then says how many, by device. */
export async function exportRecords(configPath: string, options: ExportOptions, io: FleetIo): Promise<number> {
  const config = loadFleetConfig(configPath)
  const catalogue = loadFleetCatalogue(config)
  const reader = openFleetReader(config.database)
  try {
    const count = await write(reader, catalogue, options, io)
    // With the records on standard output, what is said about them goes to the other stream.
    const stream = options.out === undefined ? io.stderr : io.stdout
    await writeAll(
      stream,
      options.json ? `${JSON.stringify(countObject(count, options))}\n` : countText(count, options),
    )
    return 0
  } finally {
    reader.close()
  }
}

async function write(
  reader: FleetReader,
  catalogue: Catalogue | undefined,
  { fromMs, toMs, format, out }: ExportOptions,
  io: FleetIo,
): Promise<ExportCount> {
  const count: ExportCount = { records: 0, byDevice: new Map() }
  const lines = exportLines(reader.decisions(fromMs, toMs), format, catalogue, count)
  if (out === undefined) for (const block of blocks(lines)) await writeAll(io.stdout, block)
  else writeExport(out, lines)
  return count
}

function countObject({ records, byDevice }: ExportCount, { fromMs, toMs, format, out }: ExportOptions) {
  return {
    records,
    devices: Object.fromEntries([...byDevice].toSorted()),
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    format,
    out: out ?? null,
  }
}

function countText({ records, byDevice }: ExportCount, { out }: ExportOptions): string {
  const devices = [...byDevice].toSorted().map(([device, count]) => `  ${device}  ${count}\n`)
  return `${records} records of ${byDevice.size} devices${out === undefined ? '' : ` in ${out}`}\n${devices.join('')}`
}
