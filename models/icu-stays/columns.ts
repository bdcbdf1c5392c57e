/** One column of the PhysioNet/CinC Challenge 2019 files, and what a package may call it. */
export interface StayColumn {
  readonly column: string
  /** Names of inputs that mean it. */
  readonly names: readonly string[]
  readonly loinc: readonly string[]
  /**
   * UCUM unit the values are charted in. Where the challenge's own table differs (lactate, magnesium, the fraction of
   * inspired oxygen) this is the unit that the values show.
   */
  readonly unit: string
}

const column = (of: string, name: string, unit: string, ...loinc: readonly string[]): StayColumn => ({
  column: of,
  names: [name],
  loinc,
  unit,
})

/** In the order of the files. Calcium mixes total with ionised calcium; the unit is that of the larger part. */
export const stayColumns: readonly StayColumn[] = [
  column('HR', 'heart-rate', '/min', '8867-4'),
  column('O2Sat', 'spo2', '%', '59408-5'),
  column('Temp', 'temperature', 'Cel', '8310-5'),
  column('SBP', 'systolic-pressure', 'mm[Hg]', '8480-6'),
  column('MAP', 'mean-pressure', 'mm[Hg]', '8478-0'),
  column('DBP', 'diastolic-pressure', 'mm[Hg]', '8462-4'),
  column('Resp', 'respiratory-rate', '/min', '9279-1'),
  column('EtCO2', 'end-tidal-co2', 'mm[Hg]', '19891-1'),
  column('BaseExcess', 'base-excess', 'mmol/L', '1925-7', '11555-0'),
  column('HCO3', 'bicarbonate', 'mmol/L', '1963-8', '1960-4'),
  column('FiO2', 'inspired-oxygen', '1', '3150-6', '19996-8'),
  column('pH', 'ph', '[pH]', '2744-1', '11558-4'),
  column('PaCO2', 'paco2', 'mm[Hg]', '2019-8', '11557-6'),
  column('SaO2', 'sao2', '%', '2708-6'),
  column('AST', 'ast', 'U/L', '1920-8'),
  column('BUN', 'urea-nitrogen', 'mg/dL', '3094-0'),
  column('Alkalinephos', 'alkaline-phosphatase', 'U/L', '6768-6'),
  column('Calcium', 'calcium', 'mg/dL', '17861-6'),
  column('Chloride', 'chloride', 'mmol/L', '2075-0'),
  column('Creatinine', 'creatinine', 'mg/dL', '2160-0'),
  column('Bilirubin_direct', 'direct-bilirubin', 'mg/dL', '1968-7'),
  column('Glucose', 'glucose', 'mg/dL', '2345-7', '2339-0'),
  column('Lactate', 'lactate', 'mmol/L', '32693-4', '2524-7'),
  column('Magnesium', 'magnesium', 'mg/dL', '19123-9'),
  column('Phosphate', 'phosphate', 'mg/dL', '2777-1'),
  column('Potassium', 'potassium', 'mmol/L', '2823-3'),
  column('Bilirubin_total', 'bilirubin', 'mg/dL', '1975-2'),
  column('TroponinI', 'troponin-i', 'ng/mL', '10839-9'),
  column('Hct', 'haematocrit', '%', '4544-3', '20570-8'),
  column('Hgb', 'haemoglobin', 'g/dL', '718-7'),
  column('PTT', 'aptt', 's', '3173-2', '14979-9'),
  column('WBC', 'white-cells', '10*3/uL', '6690-2'),
  column('Fibrinogen', 'fibrinogen', 'mg/dL', '3255-7'),
  column('Platelets', 'platelets', '10*3/uL', '777-3'),
  column('Age', 'age', 'a', '30525-0'),
  column('Gender', 'sex', '1', '46098-0'),
  column('Unit1', 'medical-icu', '1'),
  column('Unit2', 'surgical-icu', '1'),
  column('HospAdmTime', 'hospital-to-icu-hours', 'h'),
  column('ICULOS', 'icu-hours', 'h'),
]

/** 1 from six hours before the onset of sepsis to the end of the file. */
export const LABEL_COLUMN = 'SepsisLabel'
