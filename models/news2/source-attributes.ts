import type { Manifest } from '../package/manifest.ts'

const notAvailable = 'Not available.'

/** What the rule asks about a predictive model, answered for a published scoring table. */
export const news2SourceAttributes: Manifest['sourceAttributes'] = {
  developerContact:
    'The Wardstone contributors implemented it; the Royal College of Physicians, London, developed NEWS2.',
  fundingSource: notAvailable,
  outputValue: 'An aggregate score from 0 to 20, the points of seven parameters, whether one of them is 3, and a band.',
  outputType: 'Score and category by fixed rules; not a probability and not a prediction learned from data.',
  intendedUse: 'To show how NEWS2 is computed from vital signs, for research and demonstration.',
  intendedPopulation: 'Acutely ill patients aged 16 or over who are not pregnant.',
  intendedUsers: 'Researchers and engineers. Not for clinical users.',
  decisionMakingRole:
    'Informs only. It replaces no observation, no clinical judgement and no local escalation protocol.',
  cautionedUses:
    'Under 16 years, in pregnancy, and where SpO2 scale 2 has not been prescribed by a competent clinician. Not for a diagnosis.',
  knownRisksAndLimitations:
    'A score is as good as its observations. It does not see trends, treatment limits, spinal cord injury or chronic disturbance of physiology. It alerts often in patients with chronic lung disease when the wrong SpO2 scale is set.',
  trainingInclusionExclusion: 'Not applicable: nothing was trained. The table is the published one.',
  demographicInputFeatures: 'Age and pregnancy decide whether the score may be used; they add no points.',
  trainingRepresentativeness: 'Not applicable: nothing was trained.',
  trainingRelevance: 'Not applicable: nothing was trained.',
  fairnessApproach: notAvailable,
  biasManagement:
    'Not managed here. Pulse oximetry reads too high in patients with dark skin, which can lower the points for SpO2.',
  externalDataSource: notAvailable,
  externalTestingParty: notAvailable,
  externalRepresentativeness: notAvailable,
  externalValidationProcess:
    'This implementation has had no clinical validation. NEWS2 itself has a published literature that is not repeated here.',
  validityInternal: 'Computed exactly as the published table over the whole range of every parameter, by test.',
  fairnessInternal: notAvailable,
  validityExternal: notAvailable,
  fairnessExternal: notAvailable,
  outcomeEvaluations: notAvailable,
  validityMonitoring: 'The golden vectors are computed again on every device before the model is used.',
  validityLocal: notAvailable,
  fairnessMonitoring: notAvailable,
  fairnessLocal: notAvailable,
  updateProcess: 'A new package when the Royal College of Physicians publishes a new table. No schedule.',
  correctionProcess: 'Faults are corrected by a package with a higher release counter; a faulty one is revoked.',
}
