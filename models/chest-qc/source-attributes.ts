import type { Manifest } from '../package/manifest.ts'
import { measured, training } from './weights.ts'

const notAvailable = 'Not available.'

/** What the rule asks about a predictive model. Where nothing was done, it says so. */
export const chestQcSourceAttributes: Manifest['sourceAttributes'] = {
  developerContact: 'The Wardstone contributors.',
  fundingSource: notAvailable,
  outputValue:
    'Whether a picture is a frontal chest radiograph; and if it is one, by how many quarter turns it is turned, whether it is a negative and whether it is mirrored.',
  outputType: 'Classification: calibrated probabilities and one category.',
  intendedUse: 'To stand in front of models that read chest radiographs, for research and demonstration.',
  intendedPopulation: 'Radiographs of patients of any age; learnt from adults for the greater part.',
  intendedUsers: 'Researchers and engineers. Not for clinical users.',
  decisionMakingRole: 'Informs only. It says nothing about the patient.',
  cautionedUses:
    'As a check of identity or side before a procedure; as proof that a radiograph is not mirrored; on lateral views, which it has never seen.',
  knownRisksAndLimitations:
    'Left and right are told by the heart and what lies around it: dextrocardia, a shifted mediastinum or a poor exposure mislead it. No lateral chest radiograph and only one radiograph of another part of the body were at hand, so how well it rejects those is not known beyond the attributes that it asks first.',
  trainingInclusionExclusion: `${training.radiographs} frontal radiographs of ${training.patients} patients of NIH ChestX-ray14, as given; against them ${training.otherPictures} pictures of ${training.otherSubjects} other subjects (DICOM samples and one brain volume), pieces of the same radiographs, and made-up pictures. Radiographs of children and two computed radiographs were kept out.`,
  demographicInputFeatures: 'None is read.',
  trainingRepresentativeness: 'One hospital in the United States; whom it represents has not been examined.',
  trainingRelevance: 'The data are frontal chest radiographs, erect and supine, as the input is.',
  fairnessApproach: notAvailable,
  biasManagement: 'None.',
  externalDataSource: notAvailable,
  externalTestingParty: notAvailable,
  externalRepresentativeness: notAvailable,
  externalValidationProcess:
    'None was done, beyond a few radiographs of other sources that no training saw; their figures are among the validation metrics.',
  validityInternal: `Cross-validation in ${measured.folds} parts by patient; every picture of another kind was answered by a network that had seen nothing of its kind. The figures with their intervals are the validation metrics of the manifest.`,
  fairnessInternal: notAvailable,
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
