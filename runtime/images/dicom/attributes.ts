import type { ImageAttributes } from '../../../models/contract/image/image-facts.ts'
import type { ImageIdentity } from '../decoded-image.ts'
import { decodeText } from './character-set.ts'
import type { DataSet } from './data-set.ts'
import type { DicomFile } from './part10.ts'
import type { Keyword } from './tags.ts'

const CODE = /^[A-Z0-9 _]{1,16}$/
const UID = /^[0-9.]{1,64}$/
const DIRECTION = /^[APLRHF]{1,3}$/
const YEAR_DAYS = 365.2425
const daysPer: Readonly<Record<string, number>> = { D: 1, W: 7, M: YEAR_DAYS / 12, Y: YEAR_DAYS }

/** What guards ask of an image. A value that is not one of its kind reads as absent: a guard then says that it is missing. */
export function imageAttributes({ dataSet, transferSyntax, transferSyntaxUid }: DicomFile): ImageAttributes {
  return {
    modality: code(dataSet, 'Modality'),
    bodyPart: code(dataSet, 'BodyPartExamined'),
    viewPosition: code(dataSet, 'ViewPosition'),
    laterality: oneOf(code(dataSet, 'ImageLaterality') ?? code(dataSet, 'Laterality'), ['L', 'R', 'B', 'U']),
    patientOrientation: directions(dataSet),
    patientPosition: code(dataSet, 'PatientPosition'),
    patientAgeYears: ageYears(dataSet),
    patientSex: oneOf(code(dataSet, 'PatientSex'), ['M', 'F', 'O']),
    conversionType: code(dataSet, 'ConversionType'),
    presentationIntent: code(dataSet, 'PresentationIntentType'),
    imageType: codes(dataSet, 'ImageType').slice(0, 8),
    burnedInAnnotation: yesNo(code(dataSet, 'BurnedInAnnotation')),
    lossyCompressed: lossy(dataSet.string('LossyImageCompression'), transferSyntax),
    presentationLutShape: code(dataSet, 'PresentationLUTShape'),
    sourcePhotometric: code(dataSet, 'PhotometricInterpretation'),
    sopClassUid: uid(dataSet, 'SOPClassUID'),
    transferSyntaxUid: transferSyntaxUid !== undefined && UID.test(transferSyntaxUid) ? transferSyntaxUid : undefined,
  }
}

export function imageIdentity(dataSet: DataSet): ImageIdentity {
  const instance = uid(dataSet, 'SOPInstanceUID')
  const patientId = text(dataSet, 'PatientID')
  return {
    patientId,
    isPatientUnreadable: patientId === undefined && !isBlank(dataSet.bytes('PatientID')),
    accessionNumber: text(dataSet, 'AccessionNumber'),
    studyInstanceUid: uid(dataSet, 'StudyInstanceUID'),
    seriesInstanceUid: uid(dataSet, 'SeriesInstanceUID'),
    sopInstanceUids: instance === undefined ? [] : [instance],
  }
}

const MAX_AGE_YEARS = 150

/** Full years are counted down, and a study may be dated before its pictures. */
const AGE_SLACK_YEARS = 2

/**
 * As the Patient's Age says (PS3.5 6.2, AS), or from birth to study, when both are dates; where both are said and differ, one of
 * them is somebody else's, and nobody has said it. In years, not rounded; nobody is 999.
 */
function ageYears(dataSet: DataSet): number | undefined {
  const [said, born] = [saidYears(dataSet), yearsSinceBirth(dataSet)]
  if (said !== undefined && born !== undefined && Math.abs(said - born) > AGE_SLACK_YEARS) return undefined
  const years = said ?? born
  return years !== undefined && years <= MAX_AGE_YEARS ? years : undefined
}

/** No years, months or weeks is what devices write that were not told: a newborn is so many days old. */
function saidYears(dataSet: DataSet): number | undefined {
  const [, count, unit = ''] = /^(\d{3})([DWMY])$/.exec(dataSet.string('PatientAge') ?? '') ?? []
  const perUnit = daysPer[unit]
  if (count === undefined || perUnit === undefined || (Number(count) === 0 && unit !== 'D')) return undefined
  return (Number(count) * perUnit) / YEAR_DAYS
}

function yearsSinceBirth(dataSet: DataSet): number | undefined {
  const [birth, study] = [day(dataSet.string('PatientBirthDate')), day(dataSet.string('StudyDate'))]
  if (birth === undefined || study === undefined || study < birth) return undefined
  return (study - birth) / YEAR_DAYS
}

function day(date: string | undefined): number | undefined {
  const [, year, month, dayOfMonth] = /^(\d{4})\.?(\d{2})\.?(\d{2})$/.exec(date ?? '') ?? []
  if (year === undefined) return undefined
  const time = Date.UTC(Number(year), Number(month) - 1, Number(dayOfMonth))
  const isReal = new Date(time).getUTCDate() === Number(dayOfMonth) && Number(year) >= 1850
  return isReal ? time / 86_400_000 : undefined
}

function directions(dataSet: DataSet): string[] {
  const values = dataSet.strings('PatientOrientation')
  return values.length === 2 && values.every((value) => DIRECTION.test(value)) ? [...values] : []
}

function code(dataSet: DataSet, keyword: Keyword): string | undefined {
  const [only, ...others] = dataSet.strings(keyword)
  return others.length === 0 && only !== undefined ? codes(dataSet, keyword)[0] : undefined
}

/** In capitals, as the standard has them; some devices do not. Stops at the first that is no code. */
function codes(dataSet: DataSet, keyword: Keyword): string[] {
  const values = dataSet.strings(keyword).map((value) => value.toUpperCase())
  const firstOdd = values.findIndex((value) => !CODE.test(value))
  return firstOdd === -1 ? values : values.slice(0, firstOdd)
}

function uid(dataSet: DataSet, keyword: Keyword): string | undefined {
  const value = dataSet.string(keyword)
  return value !== undefined && UID.test(value) ? value : undefined
}

function text(dataSet: DataSet, keyword: Keyword): string | undefined {
  const bytes = dataSet.bytes(keyword)
  if (bytes === undefined || bytes.length > 256) return undefined
  return decodeText(bytes, dataSet.strings('SpecificCharacterSet'))
}

/** Nothing, or nothing but what pads a value. */
function isBlank(bytes: Uint8Array | undefined): boolean {
  return bytes === undefined || bytes.every((byte) => byte === 0x20 || byte === 0)
}

function oneOf<Value extends string>(value: string | undefined, values: readonly Value[]): Value | undefined {
  return values.find((each) => each === value)
}

function yesNo(value: string | undefined): boolean | undefined {
  return value === 'YES' ? true : value === 'NO' ? false : undefined
}

/** Some ways to code pixels always lose some of them, whatever the file says. */
function lossy(value: string | undefined, { coding }: DicomFile['transferSyntax']): boolean | undefined {
  if (coding === 'jpeg') return true
  return value === '01' ? true : value === '00' ? false : undefined
}
