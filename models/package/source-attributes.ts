/**
 * The 31 source attributes of a predictive decision support intervention,
 * 45 CFR 170.315(b)(11)(iv)(B)(1)–(9) (HTI-1 final rule, 2024), in the rule's order.
 */
export const sourceAttributeNames = [
  // (1) Details and output of the intervention
  'developerContact',
  'fundingSource',
  'outputValue',
  'outputType',
  // (2) Purpose of the intervention
  'intendedUse',
  'intendedPopulation',
  'intendedUsers',
  'decisionMakingRole',
  // (3) Cautioned out-of-scope use
  'cautionedUses',
  'knownRisksAndLimitations',
  // (4) Development details and input features
  'trainingInclusionExclusion',
  'demographicInputFeatures',
  'trainingRepresentativeness',
  'trainingRelevance',
  // (5) Process used to ensure fairness in development
  'fairnessApproach',
  'biasManagement',
  // (6) External validation process
  'externalDataSource',
  'externalTestingParty',
  'externalRepresentativeness',
  'externalValidationProcess',
  // (7) Quantitative measures of performance
  'validityInternal',
  'fairnessInternal',
  'validityExternal',
  'fairnessExternal',
  'outcomeEvaluations',
  // (8) Ongoing maintenance of implementation and use
  'validityMonitoring',
  'validityLocal',
  'fairnessMonitoring',
  'fairnessLocal',
  // (9) Update and continued validation or fairness assessment schedule
  'updateProcess',
  'correctionProcess',
] as const
