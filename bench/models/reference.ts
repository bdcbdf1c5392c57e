import { decisionBody } from '../../demo/cases.ts'
import { guard } from '../../models/contract/guard.ts'
import { preprocess } from '../../models/contract/preprocess.ts'
import type { Tensors } from '../../models/contract/tensor.ts'
import { news2Draft } from '../../models/news2/package.ts'
import type { PackageDraft } from '../../models/package/pack.ts'
import { observationsAt } from '../../models/sepsis-risk/hourly.ts'
import { sepsisRiskDraft } from '../../models/sepsis-risk/package.ts'
import { syntheticPatients } from '../../models/synthetic/patients.ts'
import { type BenchModel, subjectOf } from '../bench-model.ts'

type BenchPatient = ReturnType<typeof syntheticPatients>[number]

const SERIES_HOURS = 48

/** NEWS2 and the sepsis score, asked for a made-up patient by observations, as a bedside device asks. */
export function referenceModels(): BenchModel[] {
  return [news2Draft(), sepsisRiskDraft()].map((draft) => {
    const { rows } = scoredPatient(draft)
    return {
      name: draft.manifest.modelId,
      draft,
      tensors: tensorsFor(draft, { rows }),
      body: (summary, index) => decisionBody({ subject: subjectOf(index), rows }, rows.length - 1, summary, Date.now()),
    }
  })
}

/** A made-up patient whose inputs the contract accepts. */
function scoredPatient(draft: PackageDraft): BenchPatient {
  for (const patient of syntheticPatients(99, 20)) {
    try {
      tensorsFor(draft, patient)
      return patient
    } catch {
      // This one would be refused; the next may not.
    }
  }
  throw new TypeError('no made-up patient passes the contract')
}

function tensorsFor({ manifest: { contract } }: PackageDraft, { rows }: Pick<BenchPatient, 'rows'>): Tensors {
  const nowMs = Date.now()
  const names = contract.inputs.map(({ name }) => name)
  const observed = observationsAt(rows, rows.length - 1, names, nowMs, SERIES_HOURS)
  const single = (name: string) => contract.inputs.some((input) => input.name === name && !input.series)
  const inputs = Object.entries(observed).map(([name, all]) => [name, single(name) ? all.slice(-1) : all])
  return preprocess(guard(Object.fromEntries(inputs), contract, nowMs), contract, nowMs)
}
