import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../../device/platform/clock.ts'
import { silentLog } from '../../../device/platform/log.ts'
import { createImageDecoder } from '../image-decoder.ts'
import { greyImage, writeDicom } from './dicom-writer.ts'

/** A command that decodes one image, does something else for a moment, and stops its decoder: nothing but the stop keeps it alive then. */
const decoder = createImageDecoder({ isolation: 'preferred', clock: systemClock, log: silentLog })
const file = writeDicom({ elements: { ...greyImage(2, 2), PixelData: new Uint8Array(8) } })
await decoder.decode(file, {}, systemClock.monotonicMs() + 20_000)
await pause(1500)
await decoder.stop()
process.stdout.write('stopped\n')
