import type { Clock } from '../../device/platform/clock.ts'
import { Phi } from '../../device/platform/phi.ts'
import { Refusal } from '../../models/contract/errors.ts'
import { imageSteps } from '../../models/contract/image/image-steps.ts'
import type { PreparedImage } from '../../models/contract/image/prepared-image.ts'
import type { Contract } from '../../models/contract/schema.ts'
import { ImageError } from '../images/errors.ts'
import type { ImageDecoder } from '../images/image-decoder.ts'
import { MAX_RECEIVE_MS } from '../images/limits.ts'
import type { ReceivedImage } from '../images/received-image.ts'
import { DecisionError } from './errors.ts'
import { type Gatekeeper, leaseGatekeepers } from './gates.ts'
import type { Models } from './slot-registry.ts'
import type { DecisionRequest } from './types.ts'

export interface ImageIntake {
  readonly models: Models
  /** Where images are decoded; without it no image is taken. */
  readonly images?: Pick<ImageDecoder, 'prepare'> | undefined
  readonly clock: Clock
}

/** An image on its way to a decision. In a rehearsal, and when a record is taken along the path again, nobody is asked first. */
export interface ImageCase {
  readonly own: PreparedImage
  readonly gatekeepers: readonly Gatekeeper[]
}

/** A request whose image, if it has one, has arrived. */
export interface TakenRequest {
  readonly subject: Phi<string>
  readonly image: ImageCase | undefined
  readonly received: ReceivedImage | undefined
  /** What keeps the image from being looked at: an answer of its own, since it is known whom it is about. */
  readonly fault: Refusal | ImageError | undefined
}

/**
 * Takes in a request's image: decoded and prepared behind walls for the model that is asked, and for those that have to look
 * at it first. It says whom the request is about, where the request does not.
 * @param leases hold the gatekeepers' models as long as the decision lasts
 * @throws DecisionError subject_missing; ImageError image_input_failed, and any where nobody can say whom the image is about
 */
export async function takeImage(
  request: DecisionRequest,
  contract: Contract,
  client: string,
  room: ImageIntake,
  leases: DisposableStack,
): Promise<TakenRequest> {
  const { subject, image } = request
  if (image === undefined) return withoutImage(subject)
  if (contract.image === undefined) return withoutImage(subject, new Refusal('image_unexpected', { about: 'image' }))
  const gatekeepers = leaseGatekeepers(contract.image.gates, room.models, leases)
  const running = gatekeepers.flatMap(({ model }) => (model === undefined ? [] : [model.manifest.contract]))
  try {
    if (room.images === undefined) throw new ImageError('image_decoder_unavailable')
    const plans = [contract, ...running].map(imageSteps)
    const deadlineMs = room.clock.monotonicMs() + MAX_RECEIVE_MS
    const received = await room.images.prepare(image, plans, {}, deadlineMs, client)
    return takenRequest(subject, received, gatekeepers)
  } catch (error) {
    // Whoever breaks off in the middle has not asked anything: that is nobody's record.
    if (!(error instanceof ImageError) || error.code === 'image_input_failed') throw error
    return withoutImage(subject, error)
  }
}

function withoutImage(subject: Phi<string> | undefined, fault?: Refusal | ImageError): TakenRequest {
  if (subject !== undefined) return { subject, image: undefined, received: undefined, fault }
  throw fault instanceof ImageError ? fault : new DecisionError('subject_missing')
}

/** A name as every protocol may give it: printable, and not endless. */
const SUBJECT = /^[^\p{C}\p{Zl}\p{Zp}]{1,128}$/u

/** Two ways of writing one name must not be two patients. */
function spelling(name: string): string {
  return name.normalize('NFC').trim()
}

function takenRequest(
  sent: Phi<string> | undefined,
  received: ReceivedImage,
  held: readonly Omit<Gatekeeper, 'prepared'>[],
): TakenRequest {
  const { facts } = received
  const [own, ...others] = received.prepared
  if (own === undefined) throw new ImageError('image_decoder_lost')
  const gatekeepers = held.map((keeper) => ({
    ...keeper,
    prepared: keeper.model === undefined ? undefined : others.shift(),
  }))
  const { patientId = '', isPatientUnreadable } = Phi.reveal(received.identity)
  const named = spelling(patientId)
  const subject = sent ?? (SUBJECT.test(named) ? new Phi(named) : undefined)
  if (subject === undefined) throw new DecisionError('subject_missing')
  // Whom it names it cannot be asked: that it is this patient is what somebody hopes.
  if (isPatientUnreadable) return withoutImage(subject, new Refusal('image_subject_unreadable', { about: 'image' }))
  // An image under another patient's name: nothing of it goes on that patient's record.
  if (named !== '' && spelling(Phi.reveal(subject)) !== named)
    return withoutImage(subject, new Refusal('image_of_another_subject', { about: 'image' }))
  return { subject, image: { own: { facts, prepared: own }, gatekeepers }, received, fault: undefined }
}
