import { useMemo, useState } from 'preact/hooks'
import type { Explanation } from '../api/answers.ts'
import { framePixels, type ImageView, labelPixels, mapPixels } from './image-pixels.ts'
import { ImageStage } from './image-stage.tsx'
import type { ImageTensor } from './image-tensor.ts'
import { LabelLegend } from './label-legend.tsx'
import type { LabelMap } from './label-map.ts'
import { Slider } from './slider.tsx'
import type { LabelLayer } from './use-label-map.ts'
import { firstChannel, fullWindow, ViewSliders } from './view-sliders.tsx'

interface ImageViewerProps {
  readonly tensor: ImageTensor
  readonly map: Explanation['map']
  readonly labels: LabelLayer | undefined
  readonly label: string
  /** False where the map has failed its own test: it is there, and is laid over the image only when somebody asks for it. */
  readonly isBelieved: boolean
}

const START_OPACITY = 55
const MAX_ZOOM = 800

/** Windowing, zoom and overlay, each by a control that a keyboard reaches. */
export function ImageViewer({ tensor, map, labels, label, isBelieved }: ImageViewerProps) {
  const full = fullWindow(tensor)
  const [view, setView] = useState<ImageView>({
    frame: Math.floor(tensor.frames / 2),
    channel: firstChannel(tensor),
    ...full,
  })
  const [zoom, setZoom] = useState(100)
  const [opacity, setOpacity] = useState(isBelieved ? START_OPACITY : 0)
  const [layer, setLayer] = useState<Layer>(map === undefined ? 'labels' : 'map')
  const base = useMemo(() => framePixels(tensor, view), [tensor, view])
  const over = useMemo(
    () => overlayOf(tensor, layer === 'map' ? map : undefined, labels?.map, view.frame),
    [tensor, map, layer, labels?.map, view.frame],
  )
  return (
    <div class="viewer">
      <ImageStage
        label={label}
        rows={tensor.rows}
        columns={tensor.columns}
        base={base}
        over={over}
        opacity={opacity}
        zoom={zoom}
        setZoom={(wanted) => setZoom(Math.min(MAX_ZOOM, Math.max(100, wanted)))}
      />
      <div class="viewer-controls">
        <ViewSliders tensor={tensor} view={view} full={full} set={setView} />
        <Slider name="Zoom" value={zoom} low={100} high={MAX_ZOOM} step={25} unit=" %" set={setZoom} />
        {over !== undefined && (
          <Slider name="Overlay" value={opacity} low={0} high={100} step={5} unit=" %" set={setOpacity} />
        )}
        <button
          type="button"
          onClick={() => {
            setView({ ...view, ...full })
            setZoom(100)
          }}
        >
          Reset window and zoom
        </button>
        {map !== undefined && labels?.map !== undefined && <LayerChoice labels={labels} layer={layer} set={setLayer} />}
        {map !== undefined && layer === 'map' && <MapLegend />}
        {labels !== undefined && (
          <LabelLegend
            layer={labels}
            load={() => {
              labels.load()
              setLayer('labels')
              setOpacity(START_OPACITY)
            }}
          />
        )}
      </div>
    </div>
  )
}

type Layer = 'map' | 'labels'

function LayerChoice({ labels, layer, set }: { labels: LabelLayer; layer: Layer; set: (layer: Layer) => void }) {
  return (
    <label class="slider">
      <span>Laid over it</span>
      <select value={layer} onChange={(event) => set(event.currentTarget.value === 'map' ? 'map' : 'labels')}>
        <option value="map">What contributed to the score</option>
        <option value="labels">{labels.display}</option>
      </select>
    </label>
  )
}

function MapLegend() {
  return (
    <p class="legend small">
      <span class="legend-part">
        <span class="swatch raises" /> raised the output
      </span>{' '}
      <span class="legend-part">
        <span class="swatch lowers" /> lowered it
      </span>
    </p>
  )
}

function overlayOf(tensor: ImageTensor, map: Explanation['map'], labels: LabelMap | undefined, frame: number) {
  if (map !== undefined) return mapPixels(map, tensor.rows, tensor.columns)
  const { rows, columns, frames } = labels ?? {}
  const fits = rows === tensor.rows && columns === tensor.columns && frames === tensor.frames
  return labels !== undefined && fits ? labelPixels(labels, frame) : undefined
}
