import type { Alarm } from '../api/answers.ts'
import { useLive } from '../page/box.ts'
import { Icon, type IconName } from '../parts/icon.tsx'
import { FaultNotice, Notice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { clockText, momentText } from '../words/times.ts'

const words: Readonly<Record<Alarm['severity'], string>> = {
  stop: 'Does not decide',
  limit: 'Decides with a fault',
  watch: 'See to it soon',
}
const icons: Readonly<Record<Alarm['severity'], IconName>> = { stop: 'stop', limit: 'limit', watch: 'note' }

/** What is wrong, and what a person does about it. */
export function AlarmsPanel() {
  const { health, healthFault, heardAtMs } = useLive()
  const alarms = health?.alarms ?? []
  return (
    <Panel title="Alarms" aside={health !== undefined && <span class="count">{alarms.length}</span>}>
      {healthFault !== undefined && <FaultNotice fault={healthFault} what="the alarms" />}
      {health !== undefined && healthFault === undefined && alarms.length === 0 && <Notice tone="ok">No alarm.</Notice>}
      {healthFault !== undefined && heardAtMs !== undefined && alarms.length > 0 && (
        <p class="small">These were so at {clockText(heardAtMs)}.</p>
      )}
      <ul class="alarms" aria-live="polite">
        {alarms.map((alarm) => (
          <AlarmRow key={`${alarm.code} ${alarm.slot} ${alarm.text}`} alarm={alarm} />
        ))}
      </ul>
    </Panel>
  )
}

function AlarmRow({ alarm }: { alarm: Alarm }) {
  const { severity, slot, text, todo, since, code } = alarm
  const about = [words[severity], slot, since === null ? null : `since ${momentText(since)}`, code].filter(
    (part) => part,
  )
  return (
    <li class={`alarm severity-${severity}`}>
      <Icon name={icons[severity]} />
      <div>
        <p class="alarm-text">{text}</p>
        {todo !== '' && (
          <p>
            <strong>What to do:</strong> {todo}
          </p>
        )}
        <p class="small">{about.join(' · ')}</p>
      </div>
    </li>
  )
}
