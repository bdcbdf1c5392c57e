import type { HealthAnswerBody } from '../../runtime/http/contract.ts'
import { countText } from '../words/numbers.ts'
import { passedText } from '../words/terms.ts'
import { Facts } from './facts.tsx'

export type Provider = NonNullable<HealthAnswerBody['models'][number]['provider']>

/** What ran the model, and why what the package would rather have did not. */
export function ProviderFacts({ provider }: { provider: Provider | null }) {
  if (provider === null) return <p class="small">No model was run.</p>
  return (
    <Facts
      facts={[
        ['Runs on', provider.provider],
        ['Runtime', provider.runtime],
        ['Threads', provider.threads],
        ['Nodes', provider.nodes === null ? 'not counted' : nodesText(provider.nodes)],
        ['Passed over', passedOver(provider)],
      ]}
    />
  )
}

function nodesText(nodes: NonNullable<Provider['nodes']>): string {
  return Object.entries(nodes)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${countText(count, 'node')} on ${name}`)
    .join(', ')
}

function passedOver({ passedOver: list }: Provider) {
  if (list.length === 0) return 'none'
  return (
    <ul>
      {list.map(({ provider, reason, about }) => (
        <li key={provider}>
          {provider} {passedText(reason)}
          {about !== '' && <span class="sub">{about}</span>}
        </li>
      ))}
    </ul>
  )
}
