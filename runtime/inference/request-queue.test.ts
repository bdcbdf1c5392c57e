import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { systemClock } from '../../device/platform/clock.ts'
import { InferenceError } from './errors.ts'
import { MAX_WAITING_BYTES, type PendingRun, RequestQueue } from './request-queue.ts'
import { trialInputs } from './testkit/trial-models.ts'
import { inMs } from './testkit/trial-worker.ts'

const inputs = trialInputs([1, 2, 3, 4])
const always = () => true
const outputs = trialInputs([5, 6, 7, 8])

function queueOf(maxQueue: number) {
  const expired: PendingRun[] = []
  const settings = {
    clock: systemClock,
    maxQueue,
    typicalMs: () => 500,
    leastMs: () => 0,
    serving: () => ({ servers: 1, underWayMs: 0 }),
    onGone: (run: PendingRun) => expired.push(run),
  }
  return { expired, queue: new RequestQueue(settings) }
}

test('requests leave in the order they came', async () => {
  const { queue } = queueOf(2)
  const answers = [queue.add(inputs, inMs(1000)), queue.add(inputs, inMs(1000))]
  queue.take(always)?.resolve(outputs)
  queue.take(always)?.resolve(inputs)
  expect(queue.take(always)).toBeUndefined()
  expect(await Promise.all(answers)).toEqual([outputs, inputs])
})

test('the deadline goes on after a request has left the queue', async () => {
  const { queue, expired } = queueOf(1)
  const answer = queue.add(inputs, inMs(30))
  const taken = queue.take(always)
  await expect(answer).rejects.toMatchObject({ code: 'inference_deadline' })
  expect(expired).toEqual([taken])
})

test('a request that waits makes room again when its deadline passes', async () => {
  const { queue } = queueOf(1)
  const first = queue.add(inputs, inMs(30))
  await expect(queue.add(inputs, inMs(1000))).rejects.toMatchObject({ code: 'inference_overloaded' })
  await expect(first).rejects.toMatchObject({ code: 'inference_deadline' })
  const second = queue.add(inputs, inMs(1000))
  queue.take(always)?.resolve(outputs)
  expect(await second).toBe(outputs)
})

test('a request with less time left than it needs is not begun', async () => {
  const { queue } = queueOf(2)
  const hopeless = queue.add(inputs, inMs(500))
  const possible = queue.add(inputs, inMs(5000))
  queue.take((_, leftMs) => leftMs > 1000)?.resolve(outputs)
  await expect(hopeless).rejects.toMatchObject({ code: 'inference_deadline' })
  expect(await possible).toBe(outputs)
})

test('a deadline beyond what a timer holds does not fire at once', async () => {
  const { queue } = queueOf(1)
  const answer = queue.add(inputs, Number.POSITIVE_INFINITY)
  await new Promise((resolve) => setTimeout(resolve, 20))
  queue.take(always)?.resolve(outputs)
  expect(await answer).toBe(outputs)
})

test('all that wait are answered together', async () => {
  const { queue } = queueOf(2)
  const answers = [queue.add(inputs, inMs(1000)), queue.add(inputs, inMs(1000))]
  queue.rejectAll(new InferenceError('inference_unavailable'))
  for (const answer of answers) await expect(answer).rejects.toMatchObject({ code: 'inference_unavailable' })
})

async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const writer = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [reader] = (await once(server, 'connection')) as [Socket]
  server.close()
  return [reader, writer]
}

/** The first number of each request, in the order in which they leave the queue. */
function leaving(queue: RequestQueue): unknown[] {
  const order: unknown[] = []
  for (let run = queue.take(always); run !== undefined; run = queue.take(always)) {
    order.push(run.inputs.x?.data[0])
    run.resolve(outputs)
  }
  return order
}

test('clients take turns: one with hundreds delays another by one', async () => {
  const { queue } = queueOf(100)
  const add = (client: string, number: number) => queue.add(trialInputs([number, 0, 0, 0]), inMs(1000), client)
  const answers = [1, 2, 3, 4].map((at) => add('flood', at))
  answers.push(add('bedside', 11), add('bedside', 12), add('monitor', 21))
  expect(leaving(queue)).toEqual([1, 11, 21, 2, 12, 3, 4])
  await Promise.all(answers)
})

test('a client that was just served waits behind the others when it comes again', async () => {
  const { queue } = queueOf(100)
  const add = (client: string, number: number) => queue.add(trialInputs([number, 0, 0, 0]), inMs(1000), client)
  const answers = [add('a', 1), add('b', 2)]
  queue.take(always)?.resolve(outputs)
  answers.push(add('a', 3))
  expect(leaving(queue)).toEqual([2, 3])
  await Promise.all(answers)
})

test('a client takes as many places as it leaves free, and a newcomer always finds one', async () => {
  const { queue } = queueOf(16)
  const flood = Array.from({ length: 400 }, () => queue.add(inputs, inMs(1000), 'flood'))
  const others = ['a', 'b', 'c'].map((client) => queue.add(inputs, inMs(1000), client))
  const refused = (await Promise.all(flood.slice(8).map((run) => run.catch((error: unknown) => error)))) as unknown[]
  expect(refused).toHaveLength(392)
  // Eight wait, half a second each.
  expect(refused[0]).toMatchObject({ code: 'inference_overloaded', retryAfterMs: 4000 })
  leaving(queue)
  expect(await Promise.all([...flood.slice(0, 8), ...others])).toHaveLength(11)
})

test('what waits is bounded in bytes as in places, and a client leaves half of them to others', async () => {
  const { queue } = queueOf(256)
  const data = new Float32Array(MAX_WAITING_BYTES / 8 / 4)
  const volume = { x: { dtype: 'float32', dims: [1, data.length], data } } as const
  const add = (client: string) => queue.add(volume, inMs(1000), client)
  const flood = Array.from({ length: 6 }, () => add('flood'))
  const [a, b] = [add('a'), add('b')]
  for (const refused of flood.slice(4)) await expect(refused).rejects.toMatchObject({ code: 'inference_overloaded' })
  // Something small finds a place all the same, and what was served makes room.
  const small = queue.add(inputs, inMs(1000), 'c')
  leaving(queue)
  expect(await Promise.all([...flood.slice(0, 4), a, b, small])).toHaveLength(7)
  const again = Array.from({ length: 4 }, () => add('flood'))
  leaving(queue)
  expect(await Promise.all(again)).toHaveLength(4)
})

test('an answer that arrived during a pause of ours is read before the deadline is judged', async () => {
  const { queue, expired } = queueOf(1)
  const answer = queue.add(inputs, inMs(20))
  const run = queue.take(always)
  const [reader, writer] = await socketPair()
  reader.once('data', () => run?.resolve(outputs))
  writer.write('an answer')
  for (const end = performance.now() + 60; performance.now() < end; );
  expect(await answer).toBe(outputs)
  expect(expired).toEqual([])
  for (const part of [reader, writer]) part.destroy()
})
