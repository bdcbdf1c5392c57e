import type { IndexEntry } from '../adapter.ts'
import type { ModelMetadata } from '../model-metadata.ts'
import { batchesOf, type ModelTally, runsOf, type Sum } from '../statistics.ts'
import { bitsOfField, bytesOfField, eachField, textOfField } from './wire-reader.ts'
import { WireWriter } from './wire-writer.ts'

const MAX_NAME_BYTES = 1024
const NS_PER_US = 1000

/** The name and version that most requests consist of: fields 1 and 2. @throws OipError oip_message_invalid | oip_too_large */
export function readModelName(message: Uint8Array): { name: string; version: string } {
  const read = { name: '', version: '' }
  eachField(message, (field) => {
    if (field.number === 1) read.name = textOfField(field, MAX_NAME_BYTES)
    else if (field.number === 2) read.version = textOfField(field, MAX_NAME_BYTES)
  })
  return read
}

/** RepositoryIndexRequest: there is one repository, whose name is passed over. @throws OipError oip_message_invalid */
export function readReadyOnly(message: Uint8Array): boolean {
  let readyOnly = false
  eachField(message, (field) => {
    if (field.number === 1) bytesOfField(field)
    else if (field.number === 2) readyOnly = bitsOfField(field) !== 0n
  })
  return readyOnly
}

/** ServerLiveResponse, ServerReadyResponse, ModelReadyResponse. */
export function writeFlag(value: boolean): Uint8Array {
  return new WireWriter().flag(1, value).finish()
}

export function writeServerMetadata(server: {
  readonly name: string
  readonly version: string
  readonly extensions: readonly string[]
}): Uint8Array {
  const message = new WireWriter().text(1, server.name).text(2, server.version)
  for (const extension of server.extensions) message.text(3, extension)
  return message.finish()
}

export function writeModelMetadata(model: ModelMetadata): Uint8Array {
  const message = new WireWriter().text(1, model.name)
  for (const version of model.versions) message.text(2, version)
  message.text(3, model.platform)
  const tensors = [
    ...model.inputs.map((input) => [4, input] as const),
    ...model.outputs.map((output) => [5, output] as const),
  ]
  for (const [field, { name, datatype, shape }] of tensors)
    message.message(field, new WireWriter().text(1, name).text(2, datatype).numbers(3, shape))
  return message.entries(6, Object.entries(model.properties), (entry, value) => entry.text(2, value)).finish()
}

/** RepositoryIndexResponse of Triton's model repository extension. */
export function writeRepositoryIndex(entries: readonly IndexEntry[]): Uint8Array {
  const message = new WireWriter()
  for (const { name, version, state, reason } of entries)
    message.message(1, new WireWriter().text(1, name).text(2, version).text(3, state).text(4, reason))
  return message.finish()
}

/** ModelStatisticsResponse of Triton's statistics extension. */
export function writeStatistics(tallies: readonly ModelTally[]): Uint8Array {
  const message = new WireWriter()
  for (const tally of tallies) message.message(1, writeTally(tally))
  return message.finish()
}

function writeTally(tally: ModelTally): WireWriter {
  const { success, fail, queue, computeInput, computeInfer, computeOutput } = tally
  const stats = new WireWriter()
  const sums = [success, fail, queue, computeInput, computeInfer, computeOutput]
  for (const [index, sum] of sums.entries()) stats.message(index + 1, writeSum(sum))
  const message = new WireWriter()
    .text(1, tally.slot)
    .text(2, tally.version)
    .number(3, tally.lastInferenceMs)
    .number(4, success.count)
    .number(5, runsOf(tally))
    .message(6, stats)
  for (const { size, input, runs, output } of batchesOf(tally)) {
    const batch = new WireWriter().number(1, size)
    for (const [index, sum] of [input, runs, output].entries()) batch.message(index + 2, writeSum(sum))
    message.message(7, batch)
  }
  return message
}

function writeSum({ count, us }: Sum): WireWriter {
  return new WireWriter().number(1, count).number(2, us * NS_PER_US)
}
