import measuredFile from './measured.json' with { type: 'json' }
import type { Network } from './network.ts'
import weightsFile from './weights.json' with { type: 'json' }

/** What training left: `bin/train.ts` writes both files, nobody edits them. */
export interface SepsisWeights {
  /** What a missing value becomes, by input: the median of the training hours. */
  readonly fill: Readonly<Record<string, number>>
  readonly network: Network
  readonly platt: { readonly slope: number; readonly intercept: number }
  readonly threshold: { readonly alertAt: number; readonly clearBelow: number }
  /** Mean of each feature column over the training hours, in physical units. */
  readonly baseline: readonly number[]
  readonly histograms: readonly {
    readonly input: string
    readonly edges: readonly number[]
    readonly counts: readonly number[]
  }[]
}

export const sepsisWeights: SepsisWeights = weightsFile
export const measured = measuredFile
