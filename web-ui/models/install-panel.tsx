import { useRef, useState } from 'preact/hooks'
import type { Fault } from '../api/client.ts'
import { uploadRelease } from '../api/upload.ts'
import { FaultNotice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { bytesText } from '../words/numbers.ts'
import { readChoice } from './release-choice.ts'

type Sending = { readonly share: number; readonly stop: AbortController } | undefined

/** Installs a release from its three files. The box trusts none of them: it verifies both signatures before it stages anything. */
export function InstallPanel({ changed }: { changed: () => void }) {
  const input = useRef<HTMLInputElement>(null)
  const [files, setFiles] = useState<readonly File[]>([])
  const [activates, setActivates] = useState(false)
  const [sending, setSending] = useState<Sending>(undefined)
  const [fault, setFault] = useState<Fault | undefined>(undefined)
  const [said, setSaid] = useState('')
  const choice = readChoice(files)
  const send = async (event: Event) => {
    event.preventDefault()
    if (choice.release === undefined) return setSaid(choice.words)
    const stop = new AbortController()
    setSaid('Sending the release to the box.')
    setSending({ share: 0, stop })
    const answered = await uploadRelease(choice.release, activates, (share) => setSending({ share, stop }), stop.signal)
    setSending(undefined)
    setFault(answered.fault)
    setSaid(answered.fault === undefined ? 'The box has the release; the changes show how it fares.' : '')
    if (answered.fault === undefined) {
      setFiles([])
      setActivates(false)
      if (input.current !== null) input.current.value = ''
    }
    changed()
  }
  return (
    <Panel title="Install from files">
      <form class="install" onSubmit={(event) => void send(event)}>
        <label for="release-files">package.wspkg, image.json and grant.json of one release</label>
        <input
          id="release-files"
          ref={input}
          type="file"
          multiple
          accept=".wspkg,.json"
          disabled={sending !== undefined}
          aria-describedby="release-words"
          onChange={(event) => setFiles([...(event.currentTarget.files ?? [])])}
        />
        <p id="release-words" class="small">
          {choice.words}
        </p>
        <label class="choice">
          <input type="checkbox" checked={activates} onChange={(event) => setActivates(event.currentTarget.checked)} />{' '}
          let it decide as soon as it has passed
        </label>
        {sending === undefined ? (
          <button type="submit" class="primary" disabled={choice.release === undefined}>
            Install
          </button>
        ) : (
          <SendingProgress sending={sending} bytes={choice.release?.package.size ?? 0} />
        )}
        <p role="status" class="small">
          {said}
        </p>
        {fault !== undefined && <FaultNotice fault={fault} what="the release installed" />}
      </form>
    </Panel>
  )
}

function SendingProgress({ sending: { share, stop }, bytes }: { sending: NonNullable<Sending>; bytes: number }) {
  return (
    <div class="sending">
      <progress aria-label="Sent to the box" value={share} max={1} />
      <span>
        {Math.floor(share * 100)} % of {bytesText(bytes)} sent
      </span>
      <button type="button" onClick={() => stop.abort()}>
        Stop
      </button>
    </div>
  )
}
