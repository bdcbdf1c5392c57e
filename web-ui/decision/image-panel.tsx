import { useCallback, useMemo } from 'preact/hooks'
import type { DecisionRead, Explanation, SeenImage } from '../api/answers.ts'
import type { Answered } from '../api/client.ts'
import { useBox } from '../page/box.ts'
import { Badge, Facts, Hash } from '../parts/facts.tsx'
import { Notice } from '../parts/notice.tsx'
import { Panel } from '../parts/panel.tsx'
import { Shown } from '../parts/shown.tsx'
import { useAsked } from '../parts/use-loaded.ts'
import { bytesText, countText, numberText } from '../words/numbers.ts'
import { methodText } from '../words/terms.ts'
import { type ImageTensor, parseImageTensor } from './image-tensor.ts'
import { ImageViewer } from './image-viewer.tsx'
import { MapTable } from './map-table.tsx'
import { useLabelMap } from './use-label-map.ts'

interface ImagePanelProps {
  readonly read: DecisionRead
  readonly explanation: Explanation | null
}

/** The image as the model saw it, with what contributed to the score laid over it. */
export function ImagePanel({ read, explanation }: ImagePanelProps) {
  const { image } = read
  const map = explanation?.map
  if (image === null) return null
  return (
    <Panel title={image.display}>
      <Seen read={read} image={image} explanation={explanation} />
      {map !== undefined && <MapTable map={map} />}
      {explanation?.deletion !== undefined && <Deletion deletion={explanation.deletion} />}
      {map !== undefined && explanation !== null && <p class="small">Overlay: {methodText(explanation.method)}.</p>}
      <ImageFacts image={image} />
    </Panel>
  )
}

function Seen({ read, image, explanation }: ImagePanelProps & { image: SeenImage }) {
  const tensor = useTensor(read.decision.decisionId, image)
  const labels = useLabelMap(read)
  if (image.seen === null)
    return <Notice>The image was refused before the model saw it, so there is nothing to show.</Notice>
  if (!image.seen.kept)
    return (
      <Notice>
        What the model saw was too large to be kept with the decision. The archive has the image; the hashes below say
        which.
      </Notice>
    )
  return (
    <Shown loaded={tensor} what="the image">
      {(seen) => (
        <ImageViewer
          tensor={seen}
          map={explanation?.map}
          labels={labels}
          label={describe(image, seen)}
          isBelieved={isBelieved(explanation)}
        />
      )}
    </Shown>
  )
}

function useTensor(id: string, image: SeenImage) {
  const { client } = useBox()
  const isKept = image.seen?.kept === true
  const path = isKept ? `/v1/decisions/${id}/image` : undefined
  const ask = useCallback(
    (signal: AbortSignal): Promise<Answered<ImageTensor>> | undefined =>
      path === undefined
        ? undefined
        : client.bytes(path, signal).then(({ value, fault }): Answered<ImageTensor> => {
            if (fault !== undefined) return { fault }
            const tensor = parseImageTensor(value.bytes, value.headers)
            return tensor === undefined ? { fault: unreadable } : { value: tensor }
          }),
    [client, path],
  )
  return useAsked(ask, path)
}

const unreadable = {
  kind: 'failed',
  code: 'unreadable',
  message: 'What came is not an image as it was announced.',
  requestId: undefined,
} as const

function describe(image: SeenImage, { rows, columns, frames }: ImageTensor): string {
  const size = frames > 1 ? `${countText(frames, 'frame')} of ` : ''
  return `${image.display} as the model saw it: ${size}${rows} rows, ${columns} columns`
}

function ImageFacts({ image }: { image: SeenImage }) {
  const said = [image.modality, image.bodyPart, image.viewPosition].filter((part) => part !== null).join(', ')
  const files = useMemo(() => image.files.reduce((sum, { bytes }) => sum + bytes, 0), [image])
  return (
    <details>
      <summary>About this image</summary>
      <Facts
        facts={[
          ['Sent', `${countText(image.files.length, `${image.format.toUpperCase()} file`)}, ${bytesText(files)}`],
          [
            'Size',
            `${image.columns} × ${image.rows}${image.frames > 1 ? ` × ${image.frames}` : ''}, ${image.photometric}`,
          ],
          [
            'Spacing',
            image.pixelSpacingMm === null ? 'not said' : `${image.pixelSpacingMm.map(numberText).join(' × ')} mm`,
          ],
          ['The file says', said],
          ['First file', image.files[0] === undefined ? undefined : <Hash key="hash" hex={image.files[0].sha256} />],
        ]}
      />
      {image.gates.map((gate) => (
        <p key={`${gate.model} ${gate.output}`}>
          <Badge tone={gate.passed ? 'ok' : 'stop'}>{gate.passed ? 'Passed' : 'Did not pass'}</Badge> {gate.model}{' '}
          {gate.version}: {gate.output} {gate.value === null ? 'not said' : numberText(gate.value)}
          <span class="sub">
            What does not pass: {gate.reason}
            {gate.refusal !== null && ` (refused there: ${gate.refusal})`}
          </span>
        </p>
      ))}
    </details>
  )
}

/** A map that was not tested is not known to be wrong. */
function isBelieved(explanation: Explanation | null): boolean {
  const deletion = explanation?.deletion
  return deletion === undefined || deletion.score < deletion.random
}

function Deletion({ deletion: { score, random, steps } }: { deletion: NonNullable<Explanation['deletion']> }) {
  const holds = score < random
  return (
    <Notice tone={holds ? 'ok' : 'limit'}>
      {holds
        ? 'Covering the places that the map names took more from the output than covering any places: the map can be believed.'
        : 'Covering the places that the map names took no more from the output than covering any places: do not rely on the map.'}
      <span class="sub">
        mean output {numberText(score)} against {numberText(random)}, in {steps} steps
      </span>
    </Notice>
  )
}
