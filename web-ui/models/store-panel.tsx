import { useState } from 'preact/hooks'
import type { ModelStore } from '../api/answers.ts'
import { useBox } from '../page/box.ts'
import { Badge } from '../parts/facts.tsx'
import { Notice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { Shown } from '../parts/shown.tsx'
import type { Loaded } from '../parts/use-loaded.ts'
import { bytesText } from '../words/numbers.ts'
import { momentText } from '../words/times.ts'
import { ChangeDialog, type WantedChange } from './change-dialog.tsx'

interface StorePanelProps {
  readonly store: Loaded<ModelStore>
  changed(): void
}

type Release = ModelStore['staged'][number]
type Slot = ModelStore['slots'][number]

/** Releases that lie ready, and what ran before: each change is confirmed by the version that will then decide. */
export function StorePanel({ store, changed }: StorePanelProps) {
  const { may } = useBox()
  const [wanted, setWanted] = useState<WantedChange | undefined>(undefined)
  const ask = may('models.change') ? setWanted : undefined
  return (
    <Panel title="Staged and before">
      <Shown loaded={store} what="the model store">
        {({ slots, staged }) => (
          <>
            {staged.length === 0 && <Notice>Nothing is staged.</Notice>}
            <ul class="releases">
              {staged.map((release) => (
                <StagedRow key={release.package} release={release} slots={slots} ask={ask} />
              ))}
              {slots.map(
                (slot) =>
                  slot.previous !== null && (
                    <PreviousRow key={slot.slot} slot={slot} previous={slot.previous} ask={ask} />
                  ),
              )}
            </ul>
          </>
        )}
      </Shown>
      {wanted !== undefined && (
        <ChangeDialog
          wanted={wanted}
          done={() => {
            setWanted(undefined)
            changed()
          }}
        />
      )}
    </Panel>
  )
}

type Ask = ((wanted: WantedChange) => void) | undefined

function StagedRow({ release, slots, ask }: { release: Release; slots: readonly Slot[]; ask: Ask }) {
  const runs = slots.find(({ slot }) => slot === release.model)?.active?.version ?? null
  const { model, version } = release
  return (
    <li>
      <ReleaseWords release={release} words="staged" />
      {ask !== undefined && !release.revoked && (
        <button
          type="button"
          onClick={() => ask({ kind: 'activate', slot: model, version, runs, package: release.package })}
        >
          Activate {model} {version} …
        </button>
      )}
    </li>
  )
}

function PreviousRow({ slot, previous, ask }: { slot: Slot; previous: Release; ask: Ask }) {
  const { version } = previous
  return (
    <li>
      <ReleaseWords release={previous} words="ran before" />
      {ask !== undefined && !previous.revoked && (
        <button
          type="button"
          onClick={() =>
            ask({
              kind: 'rollback',
              slot: slot.slot,
              version,
              runs: slot.active?.version ?? null,
              package: previous.package,
            })
          }
        >
          Roll back to {previous.model} {version} …
        </button>
      )}
    </li>
  )
}

function ReleaseWords({ release, words }: { release: Release; words: string }) {
  const { model, version, sizeBytes, grantExpires, revoked } = release
  return (
    <p>
      <strong>
        {model} {version}
      </strong>{' '}
      <Badge>{words}</Badge> {revoked && <Badge tone="stop">Revoked by the vendor</Badge>}
      <span class="sub">
        {bytesText(sizeBytes)} · release {release.counter} · granted until {momentText(grantExpires)} ·{' '}
        {release.package.slice(0, 12)}
      </span>
    </p>
  )
}
