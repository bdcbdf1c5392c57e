import { canonicalBytes } from '../../../device/platform/canonical-json.ts'
import { parseGoldenVectors } from '../../../models/contract/golden.ts'
import { news2Draft } from '../../../models/news2/package.ts'
import type { PackageDraft } from '../../../models/package/pack.ts'

const draft = news2Draft()
type Manifest = PackageDraft['manifest']

/** The reference model as release number so and so. */
export function numbered(releaseCounter: number, changes: Partial<Manifest> = {}): PackageDraft {
  return { ...draft, manifest: { ...draft.manifest, releaseCounter, version: `1.0.${releaseCounter}`, ...changes } }
}

export function withContract(from: PackageDraft, change: Partial<Manifest['contract']>): PackageDraft {
  return { ...from, manifest: { ...from.manifest, contract: { ...from.manifest.contract, ...change } } }
}

export function withGolden(
  from: PackageDraft,
  change: (vectors: { name: string; inputs: object; expect: object }[]) => void,
): PackageDraft {
  return withFile(from, 'golden-vectors', (content) => {
    const golden = structuredClone(parseGoldenVectors(content))
    change(golden.vectors)
    return canonicalBytes(golden)
  })
}

export function withModel(from: PackageDraft, model: Uint8Array): PackageDraft {
  return withFile(from, 'model', () => model)
}

function withFile(from: PackageDraft, role: string, change: (content: Uint8Array) => Uint8Array): PackageDraft {
  return {
    ...from,
    files: from.files.map((file) => (file.role === role ? { ...file, content: change(file.content) } : file)),
  }
}

/** A golden vector that the model does not reproduce. */
export function failing(from: PackageDraft): PackageDraft {
  return withGolden(from, (vectors) => {
    const scored = vectors.findLast(({ expect }) => 'outputs' in expect)
    Object.assign(scored?.expect ?? {}, { outputs: { band: [1] } })
  })
}

/** A second score on the band's tensor: a number that the points do not add up to. */
export function notAddingUp(from: PackageDraft): PackageDraft {
  const { outputs } = from.manifest.contract
  const tensor = outputs.find(({ name }) => name === 'band')?.tensor ?? ''
  const range = { low: 0, high: 20 }
  const other = { role: 'score' as const, name: 'doubled', display: 'Other', tensor, unit: '1', range, decimals: 0 }
  return withContract(from, {
    explanation: { method: 'model-output', output: 'points', total: 'doubled' },
    outputs: [...outputs, other],
  })
}
