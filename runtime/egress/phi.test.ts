import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { Phi } from '../../device/platform/phi.ts'
import { compileSnippets } from './testkit/compile-snippets.ts'

const HEAD = `
import { Phi } from '@/device/platform/phi.ts'
import type { Log } from '@/device/platform/log.ts'
import { type OutboundRow, signedModel } from '@/runtime/egress/outbound.ts'
import type { OutboundRecord, CatalogueNumber, OutboundYear, SequenceNumber } from '@/device/outbound/record.ts'
import type { DeviceState } from '@/device/outbound/device-state.ts'
import { encodeOutbound, type CheckpointMessage, type DecisionsMessage, type StateMessage } from '@/device/outbound/messages.ts'
import type { DecisionRequest } from '@/runtime/decisions/types.ts'
declare const name: Phi<string>
declare const age: Phi<number>
declare const alive: Phi<boolean>
declare const level: Phi<'low' | 'high'>
declare const request: DecisionRequest
declare const log: Log
declare const row: Extract<OutboundRow, { kind: 'decision' }>
declare const answer: Extract<OutboundRow, { kind: 'feedback' }>
declare const record: OutboundRecord
declare const decisions: DecisionsMessage
declare const state: StateMessage
declare const checkpoint: CheckpointMessage
declare const device: DeviceState
`

/** Each tries to bring something of a patient, or a text or number of no bound, to where it could leave. None may compile. */
const forbidden: Record<string, string> = {
  'phi-as-model': 'export const x: OutboundRow = { ...row, model: name }',
  'phi-as-signed-model': 'export const x: OutboundRow = { ...row, ...signedModel(name, 1) }',
  'phi-as-release': 'export const x: OutboundRow = { ...row, release: age }',
  'phi-as-result': 'export const x: OutboundRow = { ...row, result: level }',
  'phi-as-alert': 'export const x: OutboundRow = { ...row, alert: alive }',
  'phi-as-feedback': 'export const x: OutboundRow = { ...answer, feedback: name }',
  'number-as-release': 'export const x: OutboundRow = { ...row, release: 1957 }',
  'result-in-feedback': 'export const x: OutboundRow = { ...answer, result: level }',
  'phi-as-extra': 'export const x: OutboundRow = { ...row, subject: name }',
  'subject-as-model': 'export const x: OutboundRow = { ...row, model: request.subject }',
  'text-as-model': "export const x: OutboundRow = { ...row, model: 'anything' }",
  'template-as-model': 'export const x: OutboundRow = { ...row, model: String(name) }',
  'joined-as-model': "export const x: OutboundRow = { ...row, model: name + '' }",
  'phi-as-number': 'export const x: OutboundRecord = { ...record, model: age }',
  'number-as-number': 'export const x: OutboundRecord = { ...record, model: 7 }',
  'phi-as-year': 'export const x: OutboundYear = age',
  'birth-year-as-year': 'export const x: OutboundRecord = { ...record, year: 1957 }',
  'number-as-sequence': 'export const x: SequenceNumber = 1957',
  'phi-as-catalogue-number': 'export const x: CatalogueNumber = age',
  'phi-as-record': 'export const x: DecisionsMessage = { ...decisions, records: [name] }',
  'phi-in-record': 'export const x: DecisionsMessage = { ...decisions, records: [{ ...record, result: level }] }',
  'text-in-decisions': "export const x: DecisionsMessage = { ...decisions, note: 'text' }",
  'number-as-stream': 'export const x: DecisionsMessage = { ...decisions, stream: 1 }',
  'phi-in-state':
    "export const x: StateMessage = { v: 1, status: 'offline', stream: state.stream, boot: state.boot, how: name }",
  'phi-as-boot':
    "export const x: StateMessage = { v: 1, status: 'offline', stream: state.stream, boot: age, how: 'lost' }",
  'phi-in-device': 'export const x: DeviceState = { ...device, cpu: name }',
  'count-in-device': 'export const x: DeviceState = { ...device, gpus: 3 }',
  'text-as-root': "export const x: CheckpointMessage = { ...checkpoint, root: 'text' }",
  'phi-as-size': 'export const x: CheckpointMessage = { ...checkpoint, size: age }',
  'phi-encoded': "encodeOutbound({ leaf: 'decisions', message: name })",
  'phi-to-the-log': "log.info('decision', { subject: name })",
  'phi-opened': 'export const x: string = name.value',
  'phi-as-text': 'export const x: string = name',
}

/** The same with nothing of a patient: these show that the snippets fail for the reason that is meant. */
const allowed: Record<string, string> = {
  'signed-model': "export const x: OutboundRow = { ...row, ...signedModel('news2', 1), result: 'low', alert: true }",
  'signed-feedback': "export const x: OutboundRow = { ...answer, ...signedModel('news2', 1), feedback: 'accepted' }",
  'own-record': "export const x: OutboundRecord = { ...record, result: 'high', alert: false }",
  'own-decisions': 'export const x: DecisionsMessage = { ...decisions, records: [record] }',
  'own-state':
    "export const x: StateMessage = { v: 1, status: 'offline', stream: state.stream, boot: state.boot, how: 'lost' }",
  'own-device': "export const x: DeviceState = { ...device, cpu: 'under-25' }",
  'own-encoded': "encodeOutbound({ leaf: 'decisions', message: decisions })",
  'own-log': "log.info('decision', { outcome: 'scored' })",
}

describe('what identifies a patient', () => {
  it('has no path to an outbound message that compiles', { timeout: 90_000 }, () => {
    const all = { ...forbidden, ...allowed }
    const faults = compileSnippets(Object.fromEntries(Object.entries(all).map(([name, text]) => [name, HEAD + text])))
    // A fault in the head would make every snippet fail, and prove nothing: the allowed ones show that there is none.
    expect(Object.keys(allowed).flatMap((name) => faults[name])).toEqual([])
    const compiled = Object.keys(forbidden).filter((name) => faults[name]?.length === 0)
    expect(compiled).toEqual([])
  })

  it('shows itself to nobody that writes it down', () => {
    const canary = 'Mustermann'
    const name = new Phi(canary)
    const shown = [
      String(name),
      `${name}`,
      JSON.stringify({ name }),
      inspect({ name }),
      inspect(name, { showHidden: true }),
      Object.values(name).join(),
    ]
    expect(shown.filter((text) => text.includes(canary))).toEqual([])
    expect(structuredClone({ ...name })).toEqual({})
    expect(Phi.reveal(name)).toBe(canary)
  })
})
