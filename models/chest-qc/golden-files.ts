import { type DrawnFile, dicomFile } from './dicom-file.ts'
import { blank, type Drawing, drawnChest, drawnLimb, mirrored, negative, slope, turned, whiteNoise } from './drawn.ts'

const radiograph = { modality: 'CR', bodyPart: 'CHEST', viewPosition: 'PA', photometric: 'MONOCHROME2' } as const

type Said = Partial<Omit<DrawnFile, keyof Drawing>>

function file(drawing: Drawing, said: Said = {}): Buffer {
  return dicomFile({ ...drawing, ...radiograph, ...said })
}

/** Drawn pictures, by the name of their golden vector, that the network is asked about. */
export function scoredFiles(): Readonly<Record<string, Buffer>> {
  const chest = drawnChest()
  return {
    'drawn chest': file(chest),
    'drawn chest, MONOCHROME1': file(negative(chest), { photometric: 'MONOCHROME1' }),
    'drawn chest, a quarter turn clockwise': file(turned(chest)),
    'drawn chest, upside down': file(turned(turned(chest))),
    'drawn chest, mirrored': file(mirrored(chest)),
    'drawn chest, negative': file(negative(chest)),
    'drawn chest, mirrored, three quarter turns, negative': file(turned(turned(turned(negative(mirrored(chest)))))),
    'drawn limb': file(drawnLimb()),
    blank: file(blank()),
    slope: file(slope()),
    'white noise': file(whiteNoise()),
  }
}

/** What is refused before the network is asked, with the attribute that says so. */
export function refusedFiles(): readonly { readonly name: string; readonly image: Buffer; readonly about: string }[] {
  const chest = drawnChest()
  return [
    { name: 'computed tomography', image: file(chest, { modality: 'CT' }), about: 'modality' },
    { name: 'radiograph of a hand', image: file(chest, { bodyPart: 'HAND' }), about: 'body-part' },
    { name: 'lateral radiograph', image: file(chest, { viewPosition: 'LL' }), about: 'view-position' },
  ]
}
