import { useEffect, useId, useRef, useState } from 'preact/hooks'
import type { Job } from '../api/answers.ts'
import type { Fault } from '../api/client.ts'
import { useBox } from '../page/box.ts'
import { FaultNotice } from '../parts/notice.tsx'

export interface WantedChange {
  readonly kind: 'activate' | 'rollback'
  readonly slot: string
  /** What will decide afterwards. */
  readonly version: string
  /** What decides now. */
  readonly runs: string | null
  readonly package: string
}

/** Says what will decide and what no longer will, and sends that with the request: what has changed meanwhile is not changed again. */
export function ChangeDialog({ wanted, done }: { wanted: WantedChange; done: () => void }) {
  const { client } = useBox()
  const dialog = useRef<HTMLDialogElement>(null)
  const title = useId()
  const [fault, setFault] = useState<Fault | undefined>(undefined)
  const [isSending, setSending] = useState(false)
  useEffect(() => dialog.current?.showModal(), [])
  const { kind, slot, version, runs } = wanted
  const send = async () => {
    setSending(true)
    const answered = await client.json<Job>('/v1/model-jobs', { method: 'POST', body: bodyOf(wanted) })
    setSending(false)
    setFault(answered.fault)
    if (answered.fault === undefined) dialog.current?.close()
  }
  return (
    <dialog ref={dialog} aria-labelledby={title} onClose={done}>
      <h2 id={title}>{kind === 'activate' ? `Activate ${slot} ${version}?` : `Roll back to ${slot} ${version}?`}</h2>
      <p>
        <strong>
          {slot} {version}
        </strong>{' '}
        will decide{runs === null ? '' : ` in place of ${runs}`}. The box proves it first: until it has passed, and if
        it does not pass, nothing changes.
      </p>
      {fault !== undefined && <FaultNotice fault={fault} what="the change begun" />}
      <div class="dialog-buttons">
        <button type="button" onClick={() => dialog.current?.close()}>
          Leave it as it is
        </button>
        <button type="button" class="primary" disabled={isSending} onClick={() => void send()}>
          {isSending ? 'Beginning …' : `Let ${slot} ${version} decide`}
        </button>
      </div>
    </dialog>
  )
}

function bodyOf({ kind, slot, version, package: hash }: WantedChange) {
  const confirm = `${slot} ${version}`
  return kind === 'activate' ? { kind, package: hash, confirm } : { kind, slot, confirm }
}
