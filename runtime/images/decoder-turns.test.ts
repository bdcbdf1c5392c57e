import { describe, expect, it } from 'vitest'
import { systemClock } from '../../device/platform/clock.ts'
import { DecoderTurns } from './decoder-turns.ts'

const soon = (ms = 5000): number => systemClock.monotonicMs() + ms
const turnsOf = (maxConcurrent: number, maxWaiting: number): DecoderTurns =>
  new DecoderTurns({ clock: systemClock, maxConcurrent, maxWaiting })

/** Asks for a turn, and notes in `order` when it comes. */
function ask(turns: DecoderTurns, order: string[], name: string, client?: string): Promise<() => void> {
  return turns.take(soon(), client).then((giveBack) => {
    order.push(name)
    return giveBack
  })
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('turns at the decoders', () => {
  it('one client never has them all, whoever else is there', async () => {
    const turns = turnsOf(3, 16)
    const order: string[] = []
    for (const name of ['a1', 'a2', 'a3']) void ask(turns, order, name, 'a')
    await settle()
    expect(order).toEqual(['a1', 'a2'])
    void ask(turns, order, 'b1', 'b')
    await settle()
    expect(order).toEqual(['a1', 'a2', 'b1'])
    expect(turns.waiting).toBe(1)
  })

  it('where there is one, a client has it', async () => {
    const turns = turnsOf(1, 1)
    const giveBack = await turns.take(soon(), 'a')
    giveBack()
    await expect(turns.take(soon(), 'a')).resolves.toBeTypeOf('function')
  })

  it('clients take turns, each with its own requests in their order', async () => {
    const turns = turnsOf(1, 16)
    const order: string[] = []
    const first = await ask(turns, order, 'a1', 'a')
    const rest = ['a2', 'a3', 'a4', 'b1', 'b2', 'c1'].map((name) => ask(turns, order, name, name[0]))
    first()
    for (const each of rest) void each.then((giveBack) => giveBack())
    await Promise.all(rest)
    expect(order).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4'])
  })

  it('one client has no more waiting places than it leaves free', async () => {
    const turns = turnsOf(1, 4)
    await turns.take(soon(), 'a')
    const codes: string[] = []
    for (const client of ['a', 'a', 'a', 'b', 'b', 'c'])
      void turns.take(soon(), client).catch((error: { code: string }) => codes.push(`${client} ${error.code}`))
    await settle()
    expect(codes).toEqual(['a image_decoder_overloaded', 'b image_decoder_overloaded'])
    expect(turns.waiting).toBe(4)
  })

  it('says when to come again', async () => {
    const turns = turnsOf(1, 0)
    await turns.take(soon(), 'a')
    await expect(turns.take(soon(), 'b')).rejects.toMatchObject({ retryAfterMs: 1000 })
  })

  it('a turn that is given back twice is given back once', async () => {
    const turns = turnsOf(1, 16)
    const order: string[] = []
    const first = await ask(turns, order, 'a1', 'a')
    const second = ask(turns, order, 'b1', 'b')
    void ask(turns, order, 'c1', 'c')
    first()
    first()
    await second
    await settle()
    expect(order).toEqual(['a1', 'b1'])
  })

  it('who waits beyond the deadline leaves the place, and so does everybody at a stop', async () => {
    const turns = turnsOf(1, 16)
    await turns.take(soon(), 'a')
    await expect(turns.take(soon(30), 'b')).rejects.toMatchObject({ code: 'image_deadline' })
    await expect(turns.take(soon(-1), 'b')).rejects.toMatchObject({ code: 'image_deadline' })
    expect(turns.waiting).toBe(0)
    const waiting = turns.take(soon(), 'b')
    turns.stop()
    await expect(waiting).rejects.toMatchObject({ code: 'image_decoder_unavailable' })
    await expect(turns.take(soon(), 'b')).rejects.toMatchObject({ code: 'image_decoder_unavailable' })
    expect(turns.waiting).toBe(0)
  })
})
