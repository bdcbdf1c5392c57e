import type { z } from 'zod'
import { verifyContract } from '../contract/consistency.ts'
import { ContractError } from '../contract/errors.ts'
import type { Contract } from '../contract/schema.ts'
import { manifestSchema } from '../package/manifest.ts'
import { type Finding, finding } from './findings.ts'
import { type OpenPlace, openPlaces, pathText } from './mark.ts'

/** A manifest as its maker writes it: packing adds the rest. */
export const draftSchema = manifestSchema.omit({ files: true, encryption: true })
export type DraftManifest = z.infer<typeof draftSchema>

export interface DraftReading {
  readonly findings: readonly Finding[]
  /** Undefined as long as something is open or does not follow the schema. */
  readonly manifest: DraftManifest | undefined
}

/** @param value what the file holds as JSON */
export function checkDraft(value: unknown): DraftReading {
  const open = openPlaces(value)
  const undecided = open.map(({ path, asked }) => finding('draft_undecided', pathText(path), asked))
  const parsed = draftSchema.safeParse(value)
  const isOpen = openness(open)
  const invalid = (parsed.error?.issues ?? [])
    .filter(({ path }) => path.length === 0 || !isOpen(path))
    .map(({ path, code }) => finding('draft_field_invalid', pathText(path), inWords(code)))
  if (!parsed.success || open.length > 0) return { findings: [...undecided, ...invalid], manifest: undefined }
  const { contract } = parsed.data
  return { findings: [...contradictions(contract), ...guardFindings(contract)], manifest: parsed.data }
}

/** Does a fault lie in an open place, or around one? A draft may have a hundred thousand of both. */
function openness(open: readonly OpenPlace[]): (path: readonly PropertyKey[]) => boolean {
  const places = new Set(open.map(({ path }) => pathKey(path)))
  const around = new Set(open.flatMap(({ path }) => path.map((_, depth) => pathKey(path.slice(0, depth)))))
  return (path) => around.has(pathKey(path)) || path.some((_, depth) => places.has(pathKey(path.slice(0, depth + 1))))
}

/** Two paths have the same key when they are the same; a member's name may hold a dot. */
function pathKey(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String))
}

/** What the schema's own texts quote could be anything, so only the kind of the fault is said. */
function inWords(code: string): string {
  return code.replaceAll('_', ' ')
}

function contradictions(contract: Contract): Finding[] {
  try {
    verifyContract(contract)
    return []
  } catch (error) {
    if (!(error instanceof ContractError)) throw error
    return [finding('contract_inconsistent', `contract.${error.about ?? ''}`)]
  }
}

function guardFindings({ inputs, image, population }: Contract): Finding[] {
  const open = inputs.filter((input) => input.kind === 'tensor' && input.dtype !== 'bool' && input.range === undefined)
  return [
    ...open.map(({ name }) => finding('draft_guard_open', `contract.inputs.${name}`)),
    ...(isUnguarded(image) ? [finding('draft_image_unguarded', 'contract.image.guards')] : []),
    ...(population.criteria.length === 0 ? [finding('draft_population_open', 'contract.population.criteria')] : []),
  ]
}

function isUnguarded(image: Contract['image']): boolean {
  return image?.guards.some((guard) => 'attribute' in guard && guard.attribute === 'modality') === false
}
