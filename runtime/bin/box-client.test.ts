import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestSite } from '../http/testkit/certificates.ts'
import { statusCommand } from './status-command.ts'
import { BoxFixture } from './testkit/box-fixture.ts'

let box: BoxFixture
let engineer: string
const status = (args: readonly string[], changes = {}) => box.run(statusCommand, args, changes)

beforeAll(async () => {
  box = await BoxFixture.start()
  engineer = await box.clientFile('engineer')
})
afterAll(() => box?.close())

describe('who asks, and where', () => {
  it('is said by a file, whose paths are as seen from the file', async () => {
    expect(await status(['--client', engineer])).toMatchObject({ code: 10, err: '' })
    expect(await status([], { settingsFile: engineer })).toMatchObject({ code: 10, err: '' })
  })

  it('is said by options, which come before the file', async () => {
    const own = [
      '--certificate',
      box.at('engineer.pem'),
      '--key',
      box.at('engineer.key'),
      '--authority',
      box.at('authority.pem'),
    ]
    expect(await status([...own, '--url', box.url])).toMatchObject({ code: 10 })
    const wrong = await box.clientFile('officer', { certificate: 'gone.pem' })
    expect(await status([...own, '--client', wrong])).toMatchObject({ code: 10 })
    expect(await status(['--client', engineer, '--url', 'https://127.0.0.1:1'])).toMatchObject({
      code: 20,
      err: expect.stringMatching(
        /https:\/\/127\.0\.0\.1:1: ECONNREFUSED.*\[client_unreachable]\nWhat to do: look at the address/,
      ),
    })
  })

  it('is asked for when it is not said, with the file that was looked for', async () => {
    const { code, out, err } = await status(['--url', box.url], { settingsFile: box.at('none.json') })
    expect([code, out]).toEqual([20, ''])
    expect(err).toContain('missing: --certificate, --key, --authority')
    expect(err).toContain(box.at('none.json'))
    expect(err).toContain('What to do: give --url')
  })

  it.each([
    ['a file that is not there', () => ['--client', box.at('none.json')], 'client_file_unreadable'],
    [
      'a file that says something else',
      () => ['--client', box.write('odd.json', '{"urls":[]}')],
      'client_file_malformed',
    ],
    ['a file that is no JSON', () => ['--client', box.write('bad.json', 'url=https')], 'client_file_malformed'],
    [
      'a certificate that is not there',
      () => ['--client', engineer, '--certificate', 'gone.pem'],
      'client_file_unreadable',
    ],
    ['a folder for a key', () => ['--client', engineer, '--key', box.folder], 'client_file_unreadable'],
    ['a file without end', () => ['--client', engineer, '--key', '/dev/zero'], 'client_file_unreadable'],
    ['the key of another', () => ['--client', engineer, '--key', box.at('other.key')], 'client_certificate_unusable'],
    [
      'a key for a certificate',
      () => ['--client', engineer, '--certificate', box.at('engineer.key')],
      'client_certificate_unusable',
    ],
    [
      'rubbish for an authority',
      () => ['--client', engineer, '--authority', box.write('x.pem', 'x')],
      'client_certificate_unusable',
    ],
    [
      'a certificate that has run out',
      () => ['--client', engineer, '--certificate', box.at('old.pem'), '--key', box.at('old.key')],
      'client_certificate_unusable',
    ],
    ['http', () => ['--client', engineer, '--url', 'http://127.0.0.1'], 'client_address_invalid'],
    [
      'a path behind the address',
      () => ['--client', engineer, '--url', 'https://127.0.0.1/v1'],
      'client_address_invalid',
    ],
    [
      'a password in the address',
      () => ['--client', engineer, '--url', 'https://a:b@127.0.0.1'],
      'client_address_invalid',
    ],
    [
      'the authority of another',
      () => ['--client', engineer, '--authority', box.at('other-authority.pem')],
      'client_server_untrusted',
    ],
    [
      'another name of the box',
      () => ['--client', engineer, '--url', box.url.replace('127.0.0.1', 'localhost')],
      'client_server_untrusted',
    ],
    [
      'a certificate of another authority',
      () => ['--client', engineer, '--certificate', box.at('other.pem'), '--key', box.at('other.key')],
      'client_not_accepted',
    ],
  ])('%s: named, with what to do, and nothing shown', async (_, args, code) => {
    const other = await createTestSite()
    box.writeIdentity('other', await other.client('engineer', 'engineer-1'))
    box.write('other-authority.pem', other.authority.certificatePem)
    const days = 86_400_000
    const past = {
      subject: [
        ['OU', 'engineer'],
        ['CN', 'e'],
      ] as const,
      fromMs: Date.now() - 2 * days,
      untilMs: Date.now() - days,
    }
    box.writeIdentity('old', await box.site.hostile(past))
    const said = await status(args())
    expect(said).toMatchObject({ code: 20, out: '', err: expect.stringContaining(`[${code}]`) })
    const json = await status([...args(), '--json'])
    expect([json.code, JSON.parse(json.out), json.err]).toMatchObject([20, { error: { code } }, ''])
  })

  it('a role that may not is told so by the box, with the request in its log', async () => {
    box.writeIdentity('nobody', await box.site.client('nobody', 'nobody-1'))
    const { code, err } = await status([
      '--client',
      engineer,
      '--certificate',
      box.at('nobody.pem'),
      '--key',
      box.at('nobody.key'),
    ])
    expect(code).toBe(1)
    expect(err).toMatch(/^The box refused: .*\[access_\w+]\n(?:.*\n)*Request \S+ in its log\.\n/)
  })
})

describe('what answers in its place', () => {
  const answers = async (answer: (socket: Socket) => void): Promise<{ url: string; close: () => void }> => {
    const sockets = new Set<Socket>()
    const server = createTcpServer((socket) => {
      sockets.add(socket.on('error', () => {}))
      answer(socket)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const close = () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
    return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
  }

  it.each([
    [
      'speaks no TLS',
      (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'),
      /client_server_untrusted|client_connection_broken/,
    ],
    ['hangs up', (socket: Socket) => socket.destroy(), /client_connection_broken/],
  ])('%s', async (_, answer, code) => {
    const { url, close } = await answers(answer)
    const { code: exit, err } = await status(['--client', engineer, '--url', url])
    expect(exit).toBe(20)
    expect(err).toMatch(code)
    close()
  })

  it.each([
    ['no JSON', 200, 'hello', 20, 'client_answer_malformed'],
    ['other JSON', 200, '{"status":"fine"}', 20, 'client_answer_malformed'],
    ['an error of another program', 502, '<html>', 20, 'client_answer_malformed'],
    ['more than is read', 200, 'x'.repeat(17 * 1024 * 1024), 20, 'client_answer_malformed'],
    [
      'a refusal that acts on terminals',
      403,
      '{"error":{"code":"access_denied","message":"\\u001b[2Jno","requestId":"r"}}',
      1,
      'access_denied',
    ],
  ])('says %s', async (_, statusCode, body, exit, code) => {
    const { key, cert } = box.site.server
    const server: Server = createServer({ key, cert }, (_request, response) => response.writeHead(statusCode).end(body))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const said = await status(['--client', engineer, '--url', `https://127.0.0.1:${port}`])
    expect(said).toMatchObject({ code: exit, out: '', err: expect.stringContaining(`[${code}]`) })
    expect(said.err).not.toContain('\u001b')
    server.close()
  })

  it('is not waited for once the operator has interrupted', async () => {
    const { url, close } = await answers(() => {})
    const interruption = new AbortController()
    const asked = status(['--client', engineer, '--url', url], { interrupted: interruption.signal })
    setTimeout(() => interruption.abort(), 50)
    expect(await asked).toEqual({ code: 130, out: '', err: '' })
    close()
  })
})
