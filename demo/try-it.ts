import { relative } from 'node:path'
import type { Site } from './site.ts'
import { updateNames } from './updates.ts'

/** Where a drawn chest lies in a site. */
export const DRAWING = 'images/drawn-chest.dcm'

/**
 * Calls to copy, each with the client certificate of a role that may make it.
 * @param box where it answers; `grpc`: host and port
 */
export function tryItYourself(
  site: Site,
  { url, grpc }: { readonly url: string; readonly grpc?: string | undefined },
  lastDecisionId: string,
): string {
  const root = quoted(relative(process.cwd(), site.root) || '.')
  const wardstone = 'npm run wardstone --'
  const at = (name: string) => quoted(relative(process.cwd(), site.path(name)) || name)
  const curl = (role: string) =>
    `curl --cacert ${at('authority/ca.pem')} --cert ${at(`clients/${role}.pem`)} --key ${at(`clients/${role}.key`)}`
  const vital = (name: string, value: number, unit: string) => `"${name}":{"value":${value},"unit":"${unit}"}`
  const inputs = [
    ...[
      vital('age', 71, 'a'),
      '"pregnant":{"value":false}',
      vital('respiratory-rate', 24, '/min'),
      vital('spo2', 93, '%'),
    ],
    ...[
      '"supplemental-oxygen":{"value":"air"}',
      vital('systolic-pressure', 104, 'mm[Hg]'),
      vital('heart-rate', 112, '/min'),
    ],
    ...['"consciousness":{"value":"A"}', vital('temperature', 101.3, '[degF]')],
  ]
  return `
Try it yourself, in another terminal in this folder:

1. A decision, as a bedside device asks for one:
${curl('bedside')} ${url}/v1/decisions -H 'content-type: application/json' -d '{"model":"news2","subject":"patient-1","inputs":{${inputs.join(',')}}}'

2. Which models run, and is the box fit for use:
${curl('engineer')} ${url}/v1/health

3. The last decision above, as the privacy officer reads it back (reading is itself recorded):
${curl('officer')} ${url}/v1/decisions/${lastDecisionId}

4. A drawn chest, as an archive sends an image: is it a frontal radiograph, and which way round? The file says nobody's name, so the header does:
${curl('bedside')} '${url}/v1/decisions?model=chest-qc' -H 'content-type: application/dicom' -H 'wardstone-subject: patient-2' --data-binary @${at(DRAWING)}

5. The Open Inference Protocol, as a client of Triton or KServe speaks it (docs/oip.md); what is not sent is missing, so this one is refused, and recorded:
${curl('bedside')} ${url}/v2/models/news2/infer -H 'content-type: application/json' -d '{"inputs":[{"name":"heart-rate","datatype":"FP64","shape":[1],"data":[112]}]}'
${curl('engineer')} ${url}/v2/models/news2/stats
${curl('engineer')} ${url}/metrics
${grpc === undefined ? '' : `  gRPC: inference.GRPCInferenceService at ${grpc}, with the same certificates\n`}
The pages, in a browser: give it a certificate, trust the authority for web sites, and open ${url}/ (Now, Decision, Models):
openssl pkcs12 -export -passout pass:demo -inkey ${at('clients/engineer.key')} -in ${at('clients/engineer.pem')} -out ${at('clients/engineer.p12')}
  import ${at('clients/engineer.p12')} (password: demo) and ${at('authority/ca.pem')}; clinician and officer see other things than engineer

Is the box fit for use, and what is it deciding now, as an engineer and as a clinician see it:
${wardstone} status --client ${at('clients/engineer.json')}
${wardstone} watch --client ${at('clients/clinician.json')}

Prove the log:
${wardstone} audit verify --site ${root}

Update a model while it decides, look, and go back; then offer one that is unfit and one that was changed on the way:
${wardstone} model install ${at(`updates/${updateNames.next}`)} --site ${root}
${wardstone} model list --site ${root}
${wardstone} model rollback news2 --site ${root}
${wardstone} model install ${at(`updates/${updateNames.unfit}`)} --site ${root}
${wardstone} model install ${at(`updates/${updateNames.tampered}`)} --site ${root}

See what the fleet sees of this box:
npm run wardstone-fleet -- watch --config ${at('fleet/fleet.json')}
`
}

/** As a shell takes it for one word: the folder may be called anything. */
function quoted(word: string): string {
  return /^[\w.,:@%+=/-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
