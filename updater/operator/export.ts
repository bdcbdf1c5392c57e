import type { Catalogue } from '../../device/outbound/catalogue.ts'
import { type CsvValue, csvRecord } from './csv.ts'
import type { StoredDecision } from './reading.ts'

export const exportFormats = ['csv', 'ndjson'] as const
export type ExportFormat = (typeof exportFormats)[number]

/** What an export held, said at its end. */
export interface ExportCount {
  records: number
  readonly byDevice: Map<string, number>
}

/** One exported record: where it came from, and what it says. */
function exportRow(
  { device, stream, sequence, receivedAtMs, record }: StoredDecision,
  catalogue: Catalogue | undefined,
) {
  const entry = catalogue?.entryOf(record.model)
  const [site = '', name = ''] = device.split('/')
  return {
    receivedAt: new Date(receivedAtMs).toISOString(),
    site,
    device: name,
    stream,
    sequence,
    kind: record.kind,
    modelNumber: record.model,
    model: entry?.model ?? null,
    version: entry?.version ?? null,
    result: record.result,
    latency: record.latency,
    alert: record.alert,
    feedback: record.feedback,
    year: record.year,
  } satisfies Record<string, CsvValue>
}

const COLUMNS = [
  'receivedAt',
  'site',
  'device',
  'stream',
  'sequence',
  'kind',
  'modelNumber',
  'model',
  'version',
  'result',
  'latency',
  'alert',
  'feedback',
  'year',
] as const

/** The lines of an export, counted as they are made. */
export function* exportLines(
  decisions: Iterable<StoredDecision>,
  format: ExportFormat,
  catalogue: Catalogue | undefined,
  count: ExportCount,
): Iterable<string> {
  if (format === 'csv') yield csvRecord(COLUMNS)
  for (const decision of decisions) {
    const row = exportRow(decision, catalogue)
    count.records += 1
    count.byDevice.set(decision.device, (count.byDevice.get(decision.device) ?? 0) + 1)
    yield format === 'csv' ? csvRecord(COLUMNS.map((column) => row[column])) : `${JSON.stringify(row)}\n`
  }
}
