import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type CryptoProvider, createCryptoProvider } from '../device/crypto/provider.ts'
import { systemRandomness } from '../device/crypto/randomness.ts'
import { readFileBounded } from '../device/platform/atomic-file.ts'
import { scoredFiles } from '../models/chest-qc/golden-files.ts'
import { chestQcDraft } from '../models/chest-qc/package.ts'
import { parseIcuStay } from '../models/icu-stays/stay.ts'
import { readStayFiles } from '../models/icu-stays/stay-files.ts'
import { news2Draft } from '../models/news2/package.ts'
import type { PackageDraft } from '../models/package/pack.ts'
import { hourlyRows } from '../models/sepsis-risk/hourly.ts'
import { sepsisRiskDraft } from '../models/sepsis-risk/package.ts'
import { syntheticPatients } from '../models/synthetic/patients.ts'
import type { Role } from '../runtime/access/principal.ts'
import type { HealthReport, ModelSummary } from '../runtime/decisions/service-types.ts'
import type { DecisionAnswer } from '../runtime/decisions/types.ts'
import { ensurePages } from '../web-ui/build/page-build.ts'
import { type RunningAppliance, startAppliance } from './appliance.ts'
import { askedRows, type DemoPatient, decisionBody } from './cases.ts'
import { ApiClient } from './client.ts'
import { writeClientFiles } from './client-files.ts'
import { DemoError } from './errors.ts'
import { fleetRecords } from './fleet-records.ts'
import { installModels } from './installation.ts'
import { decisionLine, heading, row, type ShownDecision, shownDecision } from './show.ts'
import { openSite, type Site, type SiteTools } from './site.ts'
import { DRAWING, tryItYourself } from './try-it.ts'
import { offerUpdates, updatesOf } from './updates.ts'

export interface DemoOptions {
  readonly once: boolean
  readonly json: boolean
  readonly data: string | undefined
  readonly stays: number
  readonly port: number | undefined
  readonly site: string
}

export interface DemoOutput {
  /** For people. */
  say(line: string): void
  /** For programs: the JSON of `--json`. */
  data(text: string): void
}

const SYNTHETIC_SEED = 20_170_101
const SYNTHETIC_PATIENTS = 6
/** 128 + SIGINT, as shells report it. */
const INTERRUPTED = 130

/**
 * The whole demo: site, packages, processes, patients, decisions, what to try next, an orderly end.
 * @param stopAsked resolves when the person at the keyboard has had enough
 * @returns the exit status
 */
export async function runDemo(options: DemoOptions, stopAsked: Promise<void>, output: DemoOutput): Promise<number> {
  const patients = options.data === undefined ? madeUpPatients() : await realStays(options.data, options.stays, output)
  const news2 = news2Draft()
  const drafts = [news2, sepsisRiskDraft(), chestQcDraft()]
  const provider = createCryptoProvider()
  const site = await openSite(options.site, siteTools(drafts, provider, output))
  placeDrawing(site)
  // The runtime reads the pages once, when it starts.
  await ensurePages()
  await offerUpdates(site, news2, { provider, randomness: systemRandomness })
  const catalogue = [...drafts, ...updatesOf(news2)]
  const starting = startAppliance(site, { port: options.port, drafts: catalogue, provider })
  const isStopped = await Promise.race([stopAsked.then(() => true), starting.then(() => false)])
  const appliance = await starting
  if (isStopped) {
    await appliance.stop()
    return INTERRUPTED
  }
  try {
    return await showAppliance(site, appliance, patients, options, stopAsked, output)
  } finally {
    await appliance.stop()
    output.say('Stopped.')
  }
}

/** A picture to send, nobody's. */
function placeDrawing(site: Site): void {
  const path = site.path(DRAWING)
  mkdirSync(dirname(path), { recursive: true })
  const [drawn] = Object.values(scoredFiles())
  if (drawn !== undefined) writeFileSync(path, drawn)
}

async function showAppliance(
  site: Site,
  { url, grpc, ended }: RunningAppliance,
  patients: readonly DemoPatient[],
  options: DemoOptions,
  stopAsked: Promise<void>,
  output: DemoOutput,
): Promise<number> {
  const stopped = Promise.race([stopAsked.then(() => undefined), ended])
  const fleet = fleetRecords(site)
  writeClientFiles(site, url)
  try {
    output.say(`The appliance answers at ${url} (only on this machine).`)
    const { decisions, health, cutShort } = await sendPatients(site, url, patients, stopped, output)
    output.say(
      `${decisions.length} decisions, ${countRefused(decisions)} of them refusals; ${health.logSize} leaves in the audit log.`,
    )
    output.say(await fleet.arrived(decisions.length, stopped))
    for (const fault of health.faults) output.say(`To see to: ${fault}`)
    if (options.json) output.data(`${JSON.stringify({ decisions, health })}\n`)
    if (cutShort) return INTERRUPTED
    if (options.data !== undefined && decisions.some(isUndocumented)) output.say(UNDOCUMENTED)
    if (options.once) return outcome(health, decisions)
    output.say(tryItYourself(site, { url, grpc }, decisions.at(-1)?.decisionId ?? ''))
    output.say('Ctrl-C stops everything.')
    const name = await stopped
    if (name !== undefined) throw new DemoError('demo_process_stopped', { about: site.path(`data/${name}.log`) })
    return 0
  } finally {
    fleet.close()
  }
}

function siteTools(drafts: readonly PackageDraft[], provider: CryptoProvider, output: DemoOutput): SiteTools {
  const tools = { provider, randomness: systemRandomness, progress: output.say }
  return { ...tools, install: (site) => installModels(site, drafts, tools) }
}

function madeUpPatients(): DemoPatient[] {
  return syntheticPatients(SYNTHETIC_SEED, SYNTHETIC_PATIENTS).map(({ id, rows }) => ({ subject: id, rows }))
}

async function realStays(path: string, maxStays: number, output: DemoOutput): Promise<DemoPatient[]> {
  const files = await readStayFiles(path, { maxStays }).catch((cause: unknown) => {
    throw new DemoError('demo_data_unreadable', { cause, about: path })
  })
  const stays = files.flatMap(({ name, text }) => {
    const rows = readableRows(text)
    return rows.length === 0 ? [] : [{ subject: name, rows }]
  })
  const skipped = files.length - stays.length
  const notRead = skipped === 0 ? '' : `; ${skipped} could not be read and are left out`
  output.say(`Read ${stays.length} ICU stays from ${path} (at most ${maxStays}; --stays changes that)${notRead}.`)
  if (stays.length === 0) throw new DemoError('demo_data_unreadable', { about: path })
  return stays
}

/** One stay that does not parse must not keep the others from being shown; it counts as skipped. */
function readableRows(text: string): DemoPatient['rows'] {
  try {
    return hourlyRows(parseIcuStay(text))
  } catch {
    return []
  }
}

async function sendPatients(
  site: Site,
  url: string,
  patients: readonly DemoPatient[],
  stopped: Promise<unknown>,
  output: DemoOutput,
): Promise<{ decisions: ShownDecision[]; health: HealthReport; cutShort: boolean }> {
  const bedside = clientAs('bedside', site, url)
  let isStopped = false
  void stopped.then(() => {
    isStopped = true
  })
  try {
    const { models } = (await bedside.get('/v1/models')).body as { models: readonly ModelSummary[] }
    output.say(row(heading))
    const decisions: ShownDecision[] = []
    for (const patient of patients) {
      for (const rowIndex of askedRows(patient.rows.length)) {
        // Patients here are values over time; a picture is sent by hand.
        for (const model of models.filter(({ image }) => image === null)) {
          if (isStopped || model.state !== 'active') continue
          const shown = await sendOne(bedside, decisionBody(patient, rowIndex, model, Date.now()))
          decisions.push(shown)
          output.say(decisionLine(shown))
        }
      }
    }
    return { decisions, health: (await bedside.get('/v1/health')).body as HealthReport, cutShort: isStopped }
  } finally {
    bedside.close()
  }
}

async function sendOne(client: ApiClient, body: unknown): Promise<ShownDecision> {
  const startedMs = performance.now()
  const { status, body: answer } = await client.post('/v1/decisions', body)
  const isAnswer = typeof answer === 'object' && answer !== null && 'decision' in answer
  if (!isAnswer) throw new DemoError('demo_request_refused', { about: `status ${status}: ${errorIn(answer)}` })
  return shownDecision(answer as DecisionAnswer, performance.now() - startedMs)
}

/** The runtime's own words: its code and what to do. */
function errorIn(answer: unknown): string {
  const { code = '', message = '' } = (answer as { error?: { code?: string; message?: string } } | null)?.error ?? {}
  return `${code}. ${message}`
}

export function clientAs(role: Role, site: Site, url: string, maxSockets = 4): ApiClient {
  const text = (name: string) => readFileBounded(site.path(name), 65_536).toString('utf8')
  const tls = { key: text(join('clients', `${role}.key`)), certificate: text(join('clients', `${role}.pem`)) }
  return new ApiClient(url, { ...tls, authority: text('authority/ca.pem') }, maxSockets)
}

function countRefused(decisions: readonly ShownDecision[]): number {
  return decisions.filter(({ outcome }) => outcome === 'refused').length
}

const UNDOCUMENTED =
  'Most of these stays do not document oxygen, consciousness and pregnancy: NEWS2 says so and scores nothing, since nothing is guessed.'

function isUndocumented({ model, reason }: ShownDecision): boolean {
  return model === 'news2' && reason.startsWith('input_missing')
}

/** A demo in which a model does not run, or nothing was decided, has not gone well, whatever it printed. */
function outcome(health: HealthReport, decisions: readonly ShownDecision[]): number {
  const down = health.models.filter(({ state }) => state === 'unavailable').map(({ slot }) => slot)
  const faults = health.faults.filter((fault) => down.some((slot) => fault.startsWith(`${slot}:`)))
  if (down.length > 0) throw new DemoError('demo_model_unavailable', { about: faults.join(' ') })
  return decisions.length > 0 ? 0 : 1
}
