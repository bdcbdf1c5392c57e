import type { Job } from './answers.ts'
import { type Answered, faultFrom } from './client.ts'
import type { ReleaseFiles } from './release-files.ts'

/** The types that the box takes; what the system of whoever looks makes of an extension does not matter. */
const parts = [
  ['package', 'application/octet-stream'],
  ['image', 'application/json'],
  ['grant', 'application/json'],
] as const

/**
 * Sends a release to the box. By XMLHttpRequest, because fetch does not say how much of a body has been sent.
 * @param onProgress called with the share that has been sent, 0 … 1
 */
export function uploadRelease(
  files: ReleaseFiles,
  activate: boolean,
  onProgress: (share: number) => void,
  signal: AbortSignal,
): Promise<Answered<Job>> {
  const form = new FormData()
  form.append('request', new Blob([JSON.stringify({ kind: 'install', activate })], { type: 'application/json' }))
  for (const [name, type] of parts) form.append(name, new Blob([files[name]], { type }), files[name].name)
  return new Promise((resolve) => {
    const request = new XMLHttpRequest()
    const broken = () => resolve({ fault: brokenUpload })
    request.open('POST', '/v1/model-jobs')
    request.upload.onprogress = ({ loaded, total, lengthComputable }) => {
      if (lengthComputable && total > 0) onProgress(loaded / total)
    }
    request.onload = () => resolve(answered(request.status, request.responseText))
    request.onerror = broken
    request.onabort = broken
    signal.addEventListener('abort', () => request.abort())
    request.send(form)
  })
}

const brokenUpload = {
  kind: 'unreachable',
  code: 'upload-broken',
  message: 'The connection broke off. The jobs show whether the box has got the release.',
  requestId: undefined,
} as const

function answered(status: number, text: string): Answered<Job> {
  if (status < 200 || status > 299) return { fault: faultFrom(status, text) }
  try {
    return { value: JSON.parse(text) as Job }
  } catch {
    return { fault: faultFrom(status, text) }
  }
}
