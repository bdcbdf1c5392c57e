import { expect, test } from 'vitest'
import { systemClock } from '../../device/platform/clock.ts'
import { InferenceError } from './errors.ts'
import { type PendingRun, RequestQueue } from './request-queue.ts'
import { trialInputs } from './testkit/trial-models.ts'
import { inMs } from './testkit/trial-worker.ts'

const inputs = trialInputs([1, 2, 3, 4])
const outputs = trialInputs([5, 6, 7, 8])

function queueOf(maxQueue: number) {
  const expired: PendingRun[] = []
  return { expired, queue: new RequestQueue(systemClock, maxQueue, (run) => expired.push(run)) }
}

test('requests leave in the order they came', async () => {
  const { queue } = queueOf(2)
  const answers = [queue.add(inputs, inMs(1000)), queue.add(inputs, inMs(1000))]
  queue.take(0)?.resolve(outputs)
  queue.take(0)?.resolve(inputs)
  expect(queue.take(0)).toBeUndefined()
  expect(await Promise.all(answers)).toEqual([outputs, inputs])
})

test('the deadline goes on after a request has left the queue', async () => {
  const { queue, expired } = queueOf(1)
  const answer = queue.add(inputs, inMs(30))
  const taken = queue.take(0)
  await expect(answer).rejects.toMatchObject({ code: 'inference_deadline' })
  expect(expired).toEqual([taken])
})

test('a request that waits makes room again when its deadline passes', async () => {
  const { queue } = queueOf(1)
  const first = queue.add(inputs, inMs(30))
  await expect(queue.add(inputs, inMs(1000))).rejects.toMatchObject({ code: 'inference_overloaded' })
  await expect(first).rejects.toMatchObject({ code: 'inference_deadline' })
  const second = queue.add(inputs, inMs(1000))
  queue.take(0)?.resolve(outputs)
  expect(await second).toBe(outputs)
})

test('a request with less time left than it needs is not begun', async () => {
  const { queue } = queueOf(2)
  const hopeless = queue.add(inputs, inMs(500))
  const possible = queue.add(inputs, inMs(5000))
  queue.take(1000)?.resolve(outputs)
  await expect(hopeless).rejects.toMatchObject({ code: 'inference_deadline' })
  expect(await possible).toBe(outputs)
})

test('a deadline beyond what a timer holds does not fire at once', async () => {
  const { queue } = queueOf(1)
  const answer = queue.add(inputs, Number.POSITIVE_INFINITY)
  await new Promise((resolve) => setTimeout(resolve, 20))
  queue.take(0)?.resolve(outputs)
  expect(await answer).toBe(outputs)
})

test('all that wait are answered together', async () => {
  const { queue } = queueOf(2)
  const answers = [queue.add(inputs, inMs(1000)), queue.add(inputs, inMs(1000))]
  queue.rejectAll(new InferenceError('inference_unavailable'))
  for (const answer of answers) await expect(answer).rejects.toMatchObject({ code: 'inference_unavailable' })
})
