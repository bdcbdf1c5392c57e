import type { ModelsAnswerBody } from '../../runtime/http/contract.ts'
import { modelLink } from '../page/route.ts'
import { Badge } from '../parts/facts.tsx'
import { statusText } from '../words/terms.ts'

export type Summary = ModelsAnswerBody['models'][number]

export function SlotList({ models, chosen }: { models: readonly Summary[]; chosen: string | undefined }) {
  return (
    <ul class="slots">
      {models.map((model) => (
        <li key={model.slot}>
          <a href={modelLink(model.slot)} aria-current={model.slot === chosen ? 'true' : undefined}>
            <strong>{model.display ?? model.slot}</strong>
            <span class="sub">
              {model.slot} {model.version}
              {model.clinicalStatus !== null && <> · {statusText(model.clinicalStatus)}</>}
            </span>
            <Badge tone={model.state === 'active' ? (model.fault === null ? 'ok' : 'limit') : 'stop'}>
              {model.state === 'active' ? (model.fault === null ? 'Active' : 'Active, with a fault') : 'Does not run'}
            </Badge>
            {model.candidate !== null && <Badge>{model.candidate.version} proven</Badge>}
          </a>
        </li>
      ))}
    </ul>
  )
}
