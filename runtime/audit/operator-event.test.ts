import { describe, expect, test } from 'vitest'
import { encodeLeaf } from './leaf.ts'
import { type OperatorEvent, operatorEventSchema, operatorLeaf } from './operator-event.ts'

const operator = { name: 'auditor', uid: 1000 }
const read = { kind: 'read', operator, scope: 'subject', selection: {} }
const exported = {
  ...read,
  kind: 'exported',
  scope: 'log',
  format: 'csv',
  content: 'leaves',
  end: 9,
  leaves: 1,
  records: 0,
  digest: 'ab'.repeat(32),
}

describe('what a local process may have recorded', () => {
  test.each([read, { ...read, decision: 'd1' }, exported])('%j becomes a leaf', (event) => {
    const leaf = operatorLeaf(operatorEventSchema.parse(event) as OperatorEvent)
    expect(leaf).toMatchObject({
      kind: event.kind,
      client: 'local:auditor',
      role: 'local-operator',
      strength: 'os-user',
    })
    expect(encodeLeaf(leaf, 0, 0).length).toBeLessThan(500)
  })

  test.each([
    ['another kind', { ...read, kind: 'decision' }],
    ['an activation', { ...read, kind: 'activated', activation: {} }],
    ['a member of its own', { ...read, client: 'development-bedside' }],
    ['a record', { ...read, body: 'x' }],
    ['a name like a client of the API', { ...read, operator: { ...operator, name: 'local:root' } }],
    ['free text as a name', { ...read, operator: { ...operator, name: 'A B' } }],
    ['a patient as a decision', { ...read, decision: 'Doe, Jane' }],
    ['a patient in the selection', { ...read, selection: { client: 'Doe, Jane' } }],
    ['an unknown part of a selection', { ...read, selection: { subject: 'x' } }],
    ['an export that says nothing of its content', { ...exported, digest: undefined }],
    ['a negative count', { ...exported, leaves: -1 }],
  ])('%s is refused', (_, event) => expect(operatorEventSchema.safeParse(event).success).toBe(false))
})
