import { type Fitness, verdictOf } from '../now/verdict.ts'
import { Icon, type IconName } from '../parts/icon.tsx'
import { useLive } from './box.ts'
import { useTick } from './tick.ts'

export const fitnessIcons: Readonly<Record<Fitness, IconName>> = {
  fit: 'ok',
  limited: 'limit',
  unfit: 'stop',
  silent: 'stop',
  asking: 'wait',
}

/** The verdict on every page: nobody reads a decision without knowing how the box is. A change of it is read out. */
export function VerdictMark({ isHidden }: { isHidden: boolean }) {
  const { fitness, title, short } = verdictOf(useLive(), useTick())
  // On the page Now the verdict itself stands below: here it is only read out.
  if (isHidden)
    return (
      <span class="verdict-place">
        <span class="sr-only" role="status">
          {title}
        </span>
      </span>
    )
  return (
    <a class={`verdict-mark fitness-${fitness}`} href="#/">
      <Icon name={fitnessIcons[fitness]} />
      <span role="status">{short}</span>
    </a>
  )
}
