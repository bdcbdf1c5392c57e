import { sha256 } from '../../device/crypto/bulk.ts'
import { canonicalBytes } from '../../device/platform/canonical-json.ts'

/** Something that a model was made from: a published table, a data set. */
export interface ModelSource {
  readonly type: 'data' | 'file'
  readonly name: string
  readonly version: string
  readonly description: string
  readonly licence: string
}

/** The makings of a model as CycloneDX 1.6 JSON (ECMA-424), canonical, so that the same makings give the same bytes. */
export function modelSbom(
  model: { readonly id: string; readonly version: string; readonly bytes: Uint8Array },
  sources: readonly ModelSource[],
): Uint8Array {
  return canonicalBytes({
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        'bom-ref': model.id,
        type: 'machine-learning-model',
        name: model.id,
        version: model.version,
        hashes: [{ alg: 'SHA-256', content: sha256(model.bytes).toString('hex') }],
        licenses: [{ license: { id: 'Apache-2.0' } }],
      },
    },
    components: sources.map((source) => ({
      'bom-ref': source.name,
      type: source.type,
      name: source.name,
      version: source.version,
      description: source.description,
      licenses: [{ license: { name: source.licence } }],
    })),
    dependencies: [{ ref: model.id, dependsOn: sources.map((source) => source.name) }],
  })
}
