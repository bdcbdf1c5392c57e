import type { Manifest } from '../package/manifest.ts'
import { measured, training } from './weights.ts'

const notAvailable = 'Not available.'
const { calibration, heldOut } = measured.stays

/** What the rule asks about a predictive model. Where nothing was done, it says so. */
export const sepsisRiskSourceAttributes: Manifest['sourceAttributes'] = {
  developerContact: 'The Wardstone contributors.',
  fundingSource: notAvailable,
  outputValue:
    'A probability from 0 to 1 that the challenge’s sepsis label is positive: onset within six hours, or already begun.',
  outputType: 'Prediction: a calibrated probability.',
  intendedUse: 'To show a learned score on the whole decision path, for research and demonstration.',
  intendedPopulation: 'Adults in intensive care.',
  intendedUsers: 'Researchers and engineers. Not for clinical users.',
  decisionMakingRole: 'Informs only. It decides nothing and starts no treatment.',
  cautionedUses:
    'Outside intensive care, under 18 years, in pregnancy (not studied), for a diagnosis of sepsis, for withholding treatment, or as the only basis of any decision.',
  knownRisksAndLimitations:
    'Most alerts are false and many septic stays are not alerted: see the measured figures. The model sees a day of values, no drugs or notes. Which labs were ordered and when is an input, so a change of local habits changes the score.',
  trainingInclusionExclusion: `Stays of the PhysioNet/CinC Challenge 2019, training set B, as given (7,995 stays), without those under 18 or without an age: ${training.stays} for training, ${calibration.stays} for calibration and threshold, ${heldOut.stays} held out, split by patient. Hours that the input guards refuse were left out.`,
  demographicInputFeatures: 'Age. Neither sex nor ethnicity nor insurance is read.',
  trainingRepresentativeness: 'One hospital system in the United States; whom it represents has not been examined.',
  trainingRelevance: 'The data are hourly values of adult ICU stays, as the inputs of the model are.',
  fairnessApproach: notAvailable,
  biasManagement: 'None beyond measuring women and men and four age groups apart.',
  externalDataSource: notAvailable,
  externalTestingParty: notAvailable,
  externalRepresentativeness: notAvailable,
  externalValidationProcess: 'None was done.',
  validityInternal:
    'Measured on held-out stays of the same hospital system; the figures with their intervals are the validation metrics of the manifest. Options were chosen by cross-validation within the training stays; the held-out stays were used once.',
  fairnessInternal:
    'AUROC, utility and timely alerts of women and men and of four age groups are among the validation metrics. Other groups have not been examined.',
  validityExternal: notAvailable,
  fairnessExternal: notAvailable,
  outcomeEvaluations: notAvailable,
  validityMonitoring: 'The golden vectors are computed again on every device before the model is used.',
  validityLocal: notAvailable,
  fairnessMonitoring: notAvailable,
  fairnessLocal: notAvailable,
  updateProcess: 'Replaced when a better one is trained. No schedule.',
  correctionProcess: 'Faults are corrected by a package with a higher release counter; a faulty one is revoked.',
}
