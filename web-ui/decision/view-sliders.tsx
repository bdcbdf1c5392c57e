import type { ImageView } from './image-pixels.ts'
import type { ImageTensor } from './image-tensor.ts'
import { Slider } from './slider.tsx'

type ImageWindow = Pick<ImageView, 'center' | 'width'>

interface ViewSlidersProps {
  readonly tensor: ImageTensor
  readonly view: ImageView
  /** From the least to the most that there is. */
  readonly full: ImageWindow
  set(view: ImageView): void
}

const STEPS = 200

/** Which part of the tensor is shown, and how its numbers become grey. */
export function ViewSliders({ tensor, view, full, set }: ViewSlidersProps) {
  const step = full.width / STEPS
  const { frames, channels, least, most } = tensor
  return (
    <>
      {frames > 1 && (
        <Slider
          name="Frame"
          value={view.frame}
          low={0}
          high={frames - 1}
          step={1}
          set={(frame) => set({ ...view, frame })}
        />
      )}
      <Slider
        name="Window centre"
        value={view.center}
        low={least}
        high={most}
        step={step}
        set={(center) => set({ ...view, center })}
      />
      <Slider
        name="Window width"
        value={view.width}
        low={step}
        high={full.width}
        step={step}
        set={(width) => set({ ...view, width })}
      />
      {channels > 1 && (
        <ChannelChoice tensor={tensor} channel={view.channel} set={(channel) => set({ ...view, channel })} />
      )}
    </>
  )
}

export function fullWindow({ least, most }: ImageTensor): ImageWindow {
  return { center: (least + most) / 2, width: Math.max(most - least, Number.EPSILON) }
}

export function firstChannel({ channels }: ImageTensor): ImageView['channel'] {
  return channels === 3 ? 'colour' : 0
}

function ChannelChoice({
  tensor,
  channel,
  set,
}: {
  tensor: ImageTensor
  channel: ImageView['channel']
  set: (channel: ImageView['channel']) => void
}) {
  const numbers = Array.from({ length: tensor.channels }, (_, index) => index)
  const choose = (value: string) => set(value === 'colour' ? 'colour' : Number(value))
  return (
    <label class="slider">
      <span>Channel</span>
      <select value={String(channel)} onChange={(event) => choose(event.currentTarget.value)}>
        {tensor.channels === 3 && <option value="colour">all three, as colour</option>}
        {numbers.map((number) => (
          <option key={number} value={String(number)}>
            {number + 1}
          </option>
        ))}
      </select>
    </label>
  )
}
