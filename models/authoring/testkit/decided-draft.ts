import type { OnnxSurface } from '../../onnx/surface.ts'
import { draftManifest } from '../draft.ts'
import { type DraftManifest, draftSchema } from '../draft-check.ts'
import { MARK } from '../mark.ts'

/**
 * The manifest that `wardstone model import` drafts, with each open place filled as a person in a hurry would: sixty minutes, no
 * range, "Decided" for every text, every input a raw tensor.
 */
export function decidedDraft(bytes: Uint8Array, surface: OnnxSurface, name: string): DraftManifest {
  return draftSchema.parse(filled(draftManifest(bytes, surface, name, 'tensors'), ''))
}

function filled(value: unknown, member: string): unknown {
  if (typeof value === 'string' && value.startsWith(MARK)) return member.endsWith('Minutes') ? 60 : 'Decided'
  if (Array.isArray(value)) return value.map((item) => filled(item, member))
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).filter(([name]) => name !== 'range')
  return Object.fromEntries(members.map(([name, inner]) => [name, filled(inner, name)]))
}
