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
              {[model.display === null ? '' : model.slot, model.version].filter(Boolean).join(' ')}
              {model.clinicalStatus !== null && <> · {statusText(model.clinicalStatus)}</>}
            </span>
            <SlotState model={model} />
            {model.candidate !== null && <Badge>{model.candidate.version} proven</Badge>}
          </a>
        </li>
      ))}
    </ul>
  )
}

function SlotState({ model: { state, fault } }: { model: Summary }) {
  if (state !== 'active') return <Badge tone="stop">Does not run</Badge>
  return fault === null ? <Badge tone="ok">Active</Badge> : <Badge tone="limit">Active, with a fault</Badge>
}
