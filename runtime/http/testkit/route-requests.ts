import { examples } from '../openapi-examples.ts'
import { type Route, type RouteName, routes } from '../routes.ts'
import type { CallOptions, TestClient } from './client.ts'
import { openEvents } from './event-client.ts'

const inPath: Readonly<Record<string, string>> = {
  id: examples.DecisionAnswer.decision.decisionId,
  name: 'tissue',
  slot: 'news2',
  job: examples.ModelJob.job,
  file: 'index-1a2b.js',
}

/** An address that the route answers. */
export function addressOf({ path }: Route): string {
  return path.replace(/:(\w+)/g, (_, name: string) => inPath[name] ?? name)
}

const bodies: Readonly<Partial<Record<RouteName, unknown>>> = {
  createDecision: examples.DecisionRequest,
  giveFeedback: examples.FeedbackRequest,
  changeModel: examples.ChangeRequest,
  cancelModelJob: {},
}

/** Asks as a client does that means it. Of a stream only its beginning is read. */
export async function askRoute(
  client: TestClient,
  name: RouteName,
  query = '',
  options: CallOptions = {},
): Promise<{ readonly status: number; readonly text: string; readonly code: string | undefined }> {
  const url = addressOf(routes[name]) + query
  if (name === 'watchEvents' && query === '') return beginning(client, options.headers)
  const body = bodies[name]
  const reply = body === undefined ? await client.call(url, options) : await client.post(url, body, options)
  return { status: reply.status, text: reply.text, code: reply.json.error?.code }
}

async function beginning(client: TestClient, headers: Record<string, string> = {}) {
  const events = (await openEvents(client, headers)).read()
  await events.until(() => events.isOver || events.text.includes('\n\n'))
  events.close()
  const { status, text } = events
  return { status, text, code: /"code":"([a-z_]+)"/.exec(text)?.[1] }
}
