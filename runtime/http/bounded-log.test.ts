import { afterEach, describe, expect, it } from 'vitest'
import { createLog } from '../../device/platform/log.ts'
import { FakeClock } from '../../device/testkit/fake-clock.ts'
import { BoundedLog } from './bounded-log.ts'

const opened: BoundedLog[] = []
afterEach(() => {
  for (const log of opened) log.close()
})

function setUp() {
  const clock = new FakeClock()
  const lines: Record<string, unknown>[] = []
  const log = new BoundedLog(
    createLog(clock, (line) => lines.push(JSON.parse(line)), 'info'),
    clock,
    3,
  )
  opened.push(log)
  const write = (client: string | undefined, event = 'request-refused') =>
    log.write('info', event, client, { code: 'c' })
  return { clock, lines, log, write }
}

describe('a bounded log', () => {
  it('writes so many lines per client and minute, then their number in one', () => {
    const { clock, lines, write } = setUp()
    for (let count = 0; count < 1000; count += 1) write('m-1')
    write('m-2')
    expect(lines.map(({ client }) => client)).toEqual(['m-1', 'm-1', 'm-1', 'm-2'])
    clock.advance(60_000)
    write('m-1')
    expect(lines.slice(4)).toEqual([
      expect.objectContaining({ event: 'log-lines-left-out', of: 'request-refused', client: 'm-1', count: 997 }),
      expect.objectContaining({ event: 'request-refused', client: 'm-1', code: 'c' }),
    ])
  })

  it('keeps one kind of line from crowding out another', () => {
    const { lines, write } = setUp()
    for (let count = 0; count < 10; count += 1) write('m-1')
    write('m-1', 'request-failed')
    expect(lines.at(-1)).toMatchObject({ event: 'request-failed' })
  })

  it('says what was left out when it closes', () => {
    const { lines, log, write } = setUp()
    for (let count = 0; count < 5; count += 1) write(undefined)
    log.close()
    expect(lines.at(-1)).toMatchObject({ client: 'anonymous', count: 2 })
  })

  it('is bounded also in the number of clients', () => {
    const { lines, log, write } = setUp()
    for (let count = 0; count < 5000; count += 1) write(`m-${count}`)
    log.close()
    expect(lines.length).toBeLessThan(1100)
    expect(lines.at(-1)).toMatchObject({ client: '+others', count: 5000 - 1024 - 3 })
  })
})
