import type { DecisionRead } from '../api/answers.ts'
import { modelLink } from '../page/route.ts'
import { Facts, Hash } from '../parts/facts.tsx'
import { Panel } from '../parts/panel.tsx'
import { ProviderFacts } from '../parts/provider-facts.tsx'
import { momentText } from '../words/times.ts'

/** What the decision can be proven by: the package that decided, what it ran on, and its place in the audit log. */
export function RecordPanel({ read: { decision, audit, explained } }: { read: DecisionRead }) {
  const { model, provider } = decision
  return (
    <>
      <Panel title="Model and provider">
        <Facts
          facts={[
            ['Model', <a key="model" href={modelLink(model.id)}>{`${model.id} ${model.version}`}</a>],
            ['Package', <Hash key="hash" hex={model.packageHash} />],
          ]}
        />
        <ProviderFacts provider={provider} />
      </Panel>
      <Panel title="Audit position">
        <Facts
          facts={[
            ['Decision', <code key="id">{decision.decisionId}</code>],
            ['Entry', audit.leafIndex],
            ['Log', audit.origin],
            ['Hash of the entry', <Hash key="leaf" hex={audit.leafHash} />],
            [
              'Explanation',
              explained === null ? undefined : `entry ${explained.audit.leafIndex}, ${momentText(explained.at)}`,
            ],
          ]}
        />
        <p class="small">
          To prove it: <code>wardstone audit verify</code>. To make it again: <code>wardstone decision replay</code>{' '}
          with the id.
        </p>
      </Panel>
    </>
  )
}
