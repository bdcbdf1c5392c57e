import type { RecordRefusalRequest } from '../../models/store/activation-channel.ts'
import type { SlotPointer } from '../../models/store/pointer.ts'
import type { Evidence } from '../audit/types.ts'
import type { ProvenRelease } from './proven-release.ts'

/** The leaf of a change and its row, which raises the version floor: one transaction. */
export function activationEvidence({ slot, event, change, by }: SlotPointer, proven: ProvenRelease): Evidence {
  const { manifest, packageHash } = proven.model
  const { modelId, version, releaseCounter } = manifest
  return {
    leaf: { kind: change === 'rollback' ? 'rolled-back' : 'activated', model: modelId, by },
    activation: { slot, modelId, version, packageHash, releaseCounter, event, change },
    imageVersion: proven.imageVersion,
  }
}

/** A package that did not pass here. */
export function refusalEvidence(
  slot: string,
  packageHash: string,
  code: string,
  by: string,
  imageVersion: number | undefined,
): Evidence {
  return {
    leaf: { kind: 'package-refused', slot, model: slot, package: packageHash, code, by },
    imageVersion,
  }
}

/** What the updater refused before the runtime saw it. */
export function refusalElsewhere(
  { event, source, code, package: packageHash, by }: RecordRefusalRequest,
  imageVersion: number | undefined,
): Evidence {
  const named = packageHash === null ? {} : { package: packageHash }
  return { leaf: { kind: 'package-refused', event, source, code, ...named, by }, imageVersion }
}
