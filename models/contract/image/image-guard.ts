import { type RefusalCode, refuseAbout } from '../errors.ts'
import type { Contract, InputSpec } from '../schema.ts'
import { convertUnit } from '../units.ts'
import type { ImageFacts } from './image-facts.ts'
import type { ImageAttributeName, ImageGuard, ImageSpec } from './image-schema.ts'
import type { PreparedImage } from './prepared-image.ts'

/** What a guard let pass and had noted: the attribute is not one of those listed, or the file does not say it. */
export interface ImageFlag {
  readonly input: string
  readonly flag: 'attribute-unexpected' | 'attribute-unknown'
  readonly about: string
}

type Unlike = ImageGuard['onOther']

/**
 * Holds an image against the signed contract: that there is one where one is taken, its format and form, what the file says of
 * it, its size. A step that could not be applied is told last: the guards say better what is wrong.
 * @throws Refusal image_missing | image_unexpected | image_format_excluded | image_attribute_excluded | image_attribute_unknown |
 * image_size_excluded, or what a step was refused with
 */
export function guardImage(image: PreparedImage | undefined, { image: spec }: Contract): readonly ImageFlag[] {
  if (spec === undefined) {
    if (image !== undefined) refuseAbout('image_unexpected', 'image')
    return []
  }
  if (image === undefined) return refuseAbout('image_missing', spec.name)
  const { facts, prepared } = image
  if (!spec.formats.includes(facts.format)) refuseAbout('image_format_excluded', facts.format)
  if (spec.form === 'volume' && facts.volume === undefined) refuseAbout('image_not_a_volume', spec.name)
  const flags = spec.guards.flatMap((guard) => held(guard, facts, spec.name))
  if ('refused' in prepared) refuseAbout(prepared.refused, prepared.about)
  return flags
}

function held(guard: ImageGuard, facts: ImageFacts, input: string): ImageFlag[] {
  const about = 'attribute' in guard ? guard.attribute : guard.size
  const value = 'attribute' in guard ? attributeOf(facts, guard.attribute) : sizeOf(facts, guard.size)
  if (value === undefined) {
    if (guard.onUnknown === 'refuse') refuseAbout('image_attribute_unknown', about)
    return guard.onUnknown === 'flag' ? [{ input, flag: 'attribute-unknown', about }] : []
  }
  if (isWithin(guard, value)) return []
  return unlike(guard.onOther, 'attribute' in guard ? 'image_attribute_excluded' : 'image_size_excluded', {
    input,
    flag: 'attribute-unexpected',
    about,
  })
}

function isWithin(guard: ImageGuard, value: string | number): boolean {
  if ('attribute' in guard) return guard.oneOf.includes(String(value))
  return Number(value) >= guard.low && Number(value) <= guard.high
}

function unlike(action: Unlike, code: RefusalCode, flag: ImageFlag): ImageFlag[] {
  if (action === 'refuse') refuseAbout(code, flag.about)
  return [flag]
}

/** As the file says it, in the words that a contract lists; undefined where it does not say. */
function attributeOf({ attributes, photometric }: ImageFacts, name: ImageAttributeName): string | undefined {
  const { patientOrientation, burnedInAnnotation, lossyCompressed } = attributes
  switch (name) {
    case 'modality':
      return attributes.modality
    case 'body-part':
      return attributes.bodyPart
    case 'view-position':
      return attributes.viewPosition
    case 'laterality':
      return attributes.laterality
    case 'photometric':
      return attributes.sourcePhotometric ?? photometric
    case 'orientation':
      return patientOrientation.length === 2 ? patientOrientation.join('\\') : undefined
    case 'patient-position':
      return attributes.patientPosition
    case 'conversion-type':
      return attributes.conversionType
    case 'presentation-intent':
      return attributes.presentationIntent
    case 'burned-in-annotation':
      return yesOrNo(burnedInAnnotation)
    case 'lossy-compressed':
      return yesOrNo(lossyCompressed)
  }
}

function yesOrNo(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : value ? 'YES' : 'NO'
}

function sizeOf(facts: ImageFacts, size: 'rows' | 'columns' | 'frames' | 'spacing-mm'): number | undefined {
  if (size !== 'spacing-mm') return facts[size]
  const spacing = facts.volume?.spacingMm ?? facts.pixelSpacingMm
  return spacing === undefined ? undefined : Math.max(...spacing)
}

/** An observation as it was sent, or as a file has it. */
interface Sent {
  readonly value: unknown
  readonly unit?: string | undefined
  readonly atMs: number
}

/** What a file says of its patient, as a sender would. */
interface Found extends Sent {
  readonly value: number | string
}

/** Full years change once a year, and a file may be as old as its examination. */
const AGE_SLACK_YEARS = 2

/**
 * What the file itself answers, added to what was sent. Where both speak they must agree: of two ages one belongs to
 * somebody else.
 * @throws Refusal image_contradicts_input, about the input
 */
export function withImageObservations<Observation extends Sent>(
  sent: Readonly<Record<string, readonly Observation[]>>,
  image: PreparedImage | undefined,
  { image: spec, inputs }: Contract,
  nowMs: number,
): Readonly<Record<string, readonly (Observation | Found)[]>> {
  if (spec === undefined || image === undefined || typeof sent !== 'object' || sent === null) return sent
  const found = spec.observations.flatMap(({ input: name, attribute }): [string, readonly Found[]][] => {
    const observation = observationOf(image.facts, attribute, nowMs)
    const input = inputs.find((candidate) => candidate.name === name)
    if (observation === undefined || input === undefined) return []
    const own = Object.hasOwn(sent, name) ? sent[name] : undefined
    if (!Array.isArray(own) || own.length === 0) return [[name, [observation]]]
    if (own.some((one: Sent | undefined) => contradicts(one, observation, input)))
      refuseAbout('image_contradicts_input', name)
    return []
  })
  return found.length === 0 ? sent : Object.fromEntries([...Object.entries(sent), ...found])
}

function observationOf(
  { attributes }: ImageFacts,
  attribute: ImageSpec['observations'][number]['attribute'],
  nowMs: number,
): Found | undefined {
  const { patientAgeYears, patientSex } = attributes
  if (attribute === 'patient-sex')
    return patientSex === undefined ? undefined : { value: patientSex, unit: undefined, atMs: nowMs }
  return patientAgeYears === undefined ? undefined : { value: patientAgeYears, unit: 'a', atMs: nowMs }
}

/** What cannot be compared is left to the guard of the inputs, which says what is wrong with it. */
function contradicts(one: Sent | undefined, file: Found, input: InputSpec): boolean {
  if (one === undefined || one === null || typeof one.value !== typeof file.value) return false
  if (typeof file.value === 'string') return one.value !== file.value
  if (input.kind !== 'quantity' || typeof one.value !== 'number' || typeof one.unit !== 'string') return false
  const years = inYears(one.value, one.unit)
  return years !== undefined && Math.abs(years - Number(file.value)) > AGE_SLACK_YEARS
}

function inYears(value: number, unit: string): number | undefined {
  try {
    return convertUnit(value, unit, 'a')
  } catch {
    return undefined
  }
}
