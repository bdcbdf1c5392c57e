import { canonicalBytes } from '../../device/platform/canonical-json.ts'
import { modelCard } from '../onnx/model-card.ts'
import { modelSbom } from '../onnx/model-sbom.ts'
import type { PackageDraft } from '../package/pack.ts'
import { news2Contract } from './contract.ts'
import { news2GoldenVectors } from './golden.ts'
import { news2Model } from './graph.ts'
import { news2SourceAttributes } from './source-attributes.ts'

const VERSION = '1.0.0'
const MEMORY_BYTES = 64 * 1024 * 1024

const licence = [
  'Copyright the Wardstone contributors. Licensed under the Apache License, Version 2.0:',
  'https://www.apache.org/licenses/LICENSE-2.0',
  'The scoring system is that of: Royal College of Physicians. National Early Warning Score (NEWS) 2: Standardising',
  'the assessment of acute-illness severity in the NHS. London: RCP, 2017.',
].join('\n')

const manifest: PackageDraft['manifest'] = {
  modelId: 'news2',
  version: VERSION,
  releaseCounter: 1,
  display: 'National Early Warning Score 2',
  clinicalStatus: 'research',
  intendedUse:
    'Computes NEWS2 (Royal College of Physicians, 2017) from one set of observations, for research and demonstration. Not for clinical use.',
  wards: [],
  contraindications: [
    'Patients under 16 years of age.',
    'Pregnancy.',
    'SpO2 scale 2 without a prescription by a competent clinician.',
    'As the only basis of any decision about a patient.',
  ],
  languages: ['en'],
  contract: news2Contract,
  sourceAttributes: news2SourceAttributes,
  regulatory: { udiDi: null, clearance: null, pccp: null },
  validation: {
    metrics: [
      {
        name: 'Agreement with the published table',
        value: 1,
        low: null,
        high: null,
        on: 'every whole number (every tenth of a degree) in the range of each parameter, both SpO2 scales, air and oxygen',
      },
    ],
    alertsPer100PatientDays: null,
    positivePredictiveValue: null,
  },
  tolerance: { cpu: 0 },
  referenceHistograms: [],
  providers: [{ name: 'cpu', need: 'required' }],
  gpuCapability: null,
  runtime: { minimum: '0.1.0', below: '1.0.0' },
  memoryBytes: MEMORY_BYTES,
  licence,
  provenance: 'Built from the published table by models/news2 of the Wardstone source. Nothing was trained.',
}

/** NEWS2, ready to be packed. The same source gives the same files, byte for byte. */
export function news2Draft(): PackageDraft {
  const model = news2Model(VERSION)
  return {
    manifest,
    files: [
      { role: 'model', content: model },
      { role: 'golden-vectors', content: canonicalBytes(news2GoldenVectors()) },
      { role: 'card', content: card() },
      { role: 'sbom', content: sbom(model) },
      { role: 'licence', content: new TextEncoder().encode(`${licence}\n`) },
    ],
  }
}

function card(): Uint8Array {
  return modelCard(manifest, [
    {
      heading: 'How it scores',
      paragraphs: [
        'Values are converted to the unit of the contract, rounded (whole numbers; one decimal for temperature), then scored by the published table. Any missing parameter means no score. Undocumented oxygen is missing, not air. SpO2 scale 1 is used unless scale 2 is sent as prescribed.',
        'New confusion, response to voice, response to pain and unresponsive score 3. Consciousness is taken as observed and never derived from a Glasgow Coma Scale.',
      ],
    },
    {
      heading: 'What comes out',
      paragraphs: [
        'The aggregate (0–20), the points of each parameter, whether a single parameter scores 3, and the band: none (0), low (1–4), low–medium (a single 3 below 5), medium (5–6), high (7 or more). An alert is raised from low–medium up.',
      ],
    },
  ])
}

function sbom(model: Uint8Array): Uint8Array {
  return modelSbom({ id: 'news2', version: VERSION, bytes: model }, [
    {
      type: 'data',
      name: 'news2-scoring-table',
      version: '2017',
      description:
        'National Early Warning Score (NEWS) 2, chart 1: the NEWS scoring system. Royal College of Physicians.',
      licence: 'Royal College of Physicians, 2017; reproduction with attribution permitted',
    },
  ])
}
